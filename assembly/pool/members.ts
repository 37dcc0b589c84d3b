// SPDX-License-Identifier: MIT
/**
 * Members of an address space: which mounts refer to it, in which worker, and how often. They tell who shares
 * pages, and what a worker still holds that ended without giving it back. Only valid under the lock.
 */
import { control, guarded, MEMBER_RECORD_SIZE, MemberRecord } from "../layout"
import { spaceRecord } from "./spaces"

/** Place of a member's worker, in the low bits of what its record says it holds; references in the others. */
const PLACE_BITS: u32 = 5
const PLACE_MASK: u32 = (1 << PLACE_BITS) - 1
const ONE_REFERENCE: u32 = 1 << PLACE_BITS

/** The record of a member; members count from 1. */
export function memberRecord(number: u32): MemberRecord {
  return changetype<MemberRecord>(control().members + (number as usize) * MEMBER_RECORD_SIZE)
}

/** Counts a reference of a mount; answers false if there is no record left for a new member. */
export function addMember(space: u32, mount: u32, place: u32): bool {
  let number = findMember(space, mount, place)
  if (!number) {
    number = takeMember()
    if (!number) return false
    const member = memberRecord(number)
    member.mount = mount
    member.holding = place
    member.next = spaceRecord(space).members
    spaceRecord(space).members = number
  }
  memberRecord(number).holding += ONE_REFERENCE
  return true
}

/** Takes a reference of a mount back; answers whether its member went. */
export function dropMember(space: u32, mount: u32, place: u32): bool {
  const number = findMember(space, mount, place)
  if (CHECKED) assert(number != 0)
  if (!number) return false
  const member = memberRecord(number)
  member.holding -= ONE_REFERENCE
  if (member.holding >= ONE_REFERENCE) return false
  removeMember(space, number)
  return true
}

/** Takes away what the mounts of a place refer to; answers whether there was anything. */
export function dropMembersOf(space: u32, place: u32): bool {
  let isAny = false
  let number = spaceRecord(space).members
  while (number) {
    const member = memberRecord(number)
    const next = member.next
    if ((member.holding & PLACE_MASK) == place) {
      isAny = true
      removeMember(space, number)
    }
    number = next
  }
  return isAny
}

/** How many references all members of a space hold. */
export function referencesOf(space: u32): u32 {
  let references: u32 = 0
  let number = spaceRecord(space).members
  while (number) {
    references += memberRecord(number).holding >> PLACE_BITS
    number = memberRecord(number).next
  }
  return references
}

/** The member of a mount in a worker, 0 = none. */
function findMember(space: u32, mount: u32, place: u32): u32 {
  let number = spaceRecord(space).members
  while (number) {
    const member = memberRecord(number)
    if (member.mount == mount && (member.holding & PLACE_MASK) == place) return number
    number = member.next
  }
  return 0
}

/** Takes a member off a space's list and frees its record. */
function removeMember(space: u32, number: u32): void {
  const record = spaceRecord(space)
  const member = memberRecord(number)
  if (record.members == number) record.members = member.next
  else {
    let before = memberRecord(record.members)
    while (before.next != number) before = memberRecord(before.next)
    before.next = member.next
  }
  const g = guarded()
  member.holding = 0
  member.next = g.freeMember
  g.freeMember = number
}

/** Takes a record that is not in use; 0 = all are. */
function takeMember(): u32 {
  const g = guarded()
  const number = g.freeMember
  if (number) {
    g.freeMember = memberRecord(number).next
    return number
  }
  if (g.memberTop == control().memberCapacity) return 0
  g.memberTop += 1
  return g.memberTop
}
