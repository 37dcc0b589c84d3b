// SPDX-License-Identifier: MIT
/**
 * Aliases: pages whose bytes lie in the frame of another, equal page. A frame's own page is in its record, its
 * aliases hang on it in a list. Records never become anything else, so a reader without the lock that comes
 * upon one that has been freed sees that it is no longer what it looked for. All but reading is only valid
 * under the lock.
 */
import { ALIAS_RECORD_SIZE, AliasRecord, control, guarded } from "../layout"
import { contentRecord } from "./frames"

/** The record of an alias; aliases count from 1. */
export function aliasRecord(number: u32): AliasRecord {
  return changetype<AliasRecord>(control().aliases + (number as usize) * ALIAS_RECORD_SIZE)
}

/** Takes a record that is not in use; 0 = all are. */
export function takeAliasRecord(): u32 {
  const g = guarded()
  const number = g.freeAlias
  if (number) g.freeAlias = aliasRecord(number).next
  else if (g.aliasTop == control().aliasCapacity) return 0
  g.usedAliases += 1
  if (number) return number
  g.aliasTop += 1
  return g.aliasTop
}

/** Gives a record back that is in no chain and on no frame's list. */
export function returnAliasRecord(number: u32): void {
  const g = guarded()
  const alias = aliasRecord(number)
  alias.name = 0
  alias.next = g.freeAlias
  g.freeAlias = number
  g.usedAliases -= 1
}

/** Hangs an alias on the list of a frame. */
export function hangOn(number: u32, frame: u32): void {
  const alias = aliasRecord(number)
  const record = contentRecord(frame)
  alias.frame = frame
  alias.elder = 0
  alias.sibling = record.aliases
  if (record.aliases) aliasRecord(record.aliases).elder = number
  record.aliases = number
}

/** Takes an alias off the list of its frame. */
export function takeOff(number: u32): void {
  const alias = aliasRecord(number)
  if (alias.elder) aliasRecord(alias.elder).sibling = alias.sibling
  else contentRecord(alias.frame).aliases = alias.sibling
  if (alias.sibling) aliasRecord(alias.sibling).elder = alias.elder
}
