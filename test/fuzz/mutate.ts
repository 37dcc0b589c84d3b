// SPDX-License-Identifier: MIT
/** Damage: fields, data, blocks, ends. The same subject and numbers give the same damage. */
import type { Random } from "../support/random.js"
import { CHECKSUM, fixChecksum, SUPERBLOCK } from "./checksum.js"
import type { Field, Subject } from "./structures.js"

/** A damaged copy of an image, and what was done to it. */
export interface Mutant {
  bytes: Uint8Array<ArrayBuffer>
  notes: string[]
  /** Inodes whose own structures were damaged. */
  nids: bigint[]
}

/** What is done to the number in a field. Numbers are unsigned and wrap at the field's width. */
export const VERBS = {
  zeros: () => 0n,
  ones: (_old, bits) => (1n << bits) - 1n,
  "high bit": (old, bits) => old ^ (1n << (bits - 1n)),
  "middle bit": (old, bits) => old ^ (1n << (bits / 2n)),
  "low bit": (old) => old ^ 1n,
  add: (old) => old + 1n,
  subtract: (old) => old - 1n,
  double: (old) => old * 2n,
  "random bit": (old, bits, random) => old ^ (1n << BigInt(random.below(Number(bits)))),
  small: (_old, _bits, random) => BigInt(random.below(4096)),
  random: (_old, _bits, random) => (BigInt(random.u32()) << 32n) | BigInt(random.u32()),
} satisfies Record<string, (old: bigint, bits: bigint, random: Random) => bigint>

/** A name of {@link VERBS}. */
export type Verb = keyof typeof VERBS
const VERB_NAMES = Object.keys(VERBS) as Verb[]

/** Damages a copy of the subject in one to four ways. */
export function mutate(subject: Subject, random: Random): Mutant {
  const mutant: Mutant = { bytes: subject.bytes.slice(), notes: [], nids: [] }
  const times = random.chance(60) ? 1 : random.between(2, 4)
  for (let i = 0; i < times; i++) mutateOnce(subject, mutant, random)
  if (!random.chance(5)) fixChecksum(mutant.bytes)
  return mutant
}

/** A copy of the subject with one field changed by one verb. */
export function mutateField(subject: Subject, field: Field, verb: Verb, random: Random): Mutant {
  const mutant: Mutant = { bytes: subject.bytes.slice(), notes: [], nids: [] }
  changeField(mutant, field, verb, random)
  if (field.at !== CHECKSUM) fixChecksum(mutant.bytes)
  return mutant
}

function mutateOnce(subject: Subject, mutant: Mutant, random: Random): void {
  const choice = random.below(100)
  if (choice < 62) changeSomeField(subject, mutant, random)
  else if (choice < 76 && subject.data.length > 0) sprayData(subject, mutant, random)
  else if (choice < 84) flipBits(subject, mutant, random)
  else if (choice < 89) swapFields(subject, mutant, random)
  else if (choice < 94) copyBlock(subject, mutant, random)
  else truncate(mutant, random)
}

/** Every kind of structure gets the same share, however many of them there are. */
function changeSomeField(subject: Subject, mutant: Mutant, random: Random): void {
  const group = random.pick([...subject.fields.values()])
  changeField(mutant, random.pick(group), random.pick(VERB_NAMES), random)
}

function changeField(mutant: Mutant, field: Field, verb: Verb, random: Random): void {
  const old = readField(mutant.bytes, field)
  if (old === undefined) return
  const bits = BigInt(8 * field.width)
  const value = BigInt.asUintN(Number(bits), VERBS[verb](old, bits, random))
  writeField(mutant.bytes, field, value)
  if (field.nid !== undefined) mutant.nids.push(field.nid)
  mutant.notes.push(`${field.kind} at ${field.at}: ${old} -> ${value} (${verb})`)
}

/** Gives a field the value of another of the same structure. */
function swapFields(subject: Subject, mutant: Mutant, random: Random): void {
  const group = random.pick([...subject.fields.values()])
  const to = random.pick(group)
  const from = random.pick(group.filter(({ width }) => width === to.width))
  const value = readField(mutant.bytes, from)
  if (value === undefined || to.at + to.width > mutant.bytes.length) return
  writeField(mutant.bytes, to, value)
  if (to.nid !== undefined) mutant.nids.push(to.nid)
  mutant.notes.push(`${to.kind} at ${to.at}: value of ${from.kind} at ${from.at}, ${value}`)
}

const FILLINGS = [[0xff], [0], [0xf0], [0x0f], [0xff, 0xff, 0, 0], [0x28, 0xb5, 0x2f, 0xfd]]

/** Bytes that mean "longer" to LZ4 and wrong trees to the others, in compressed data, names and tails. */
function sprayData(subject: Subject, mutant: Mutant, random: Random): void {
  const { kind, at, length } = random.pick(subject.data)
  const skip = random.chance(50) ? leadingZeros(subject.bytes, at, length) : random.below(length)
  const count = Math.min(random.pick([1, 1, 2, 4, 16, 300, 4096]), length - skip)
  const filling = random.chance(40) ? random.bytes(16) : Uint8Array.from(random.pick(FILLINGS))
  for (let i = 0; i < count; i++) {
    const where = at + skip + i
    if (where < mutant.bytes.length) mutant.bytes[where] = filling[i % filling.length] as number
  }
  mutant.notes.push(`${kind} data at ${at}: ${count} bytes from ${at + skip} on`)
}

function leadingZeros(bytes: Uint8Array, at: number, length: number): number {
  let zeros = 0
  while (zeros < length - 1 && bytes[at + zeros] === 0) zeros++
  return zeros
}

function flipBits(subject: Subject, mutant: Mutant, random: Random): void {
  const end = Math.min(random.chance(60) ? subject.metadataEnd : mutant.bytes.length, mutant.bytes.length)
  if (end <= SUPERBLOCK) return
  const count = 1 << random.below(6)
  for (let i = 0; i < count; i++) {
    const at = SUPERBLOCK + random.below(end - SUPERBLOCK)
    mutant.bytes[at] = (mutant.bytes[at] as number) ^ (1 << random.below(8))
  }
  mutant.notes.push(`${count} bits below ${end}`)
}

/** One block over another, or a few bytes of metadata over others. */
function copyBlock(subject: Subject, mutant: Mutant, random: Random): void {
  const length = random.pick([32, 64, subject.blockSize])
  const places = Math.floor(mutant.bytes.length / length)
  if (places < 3) return
  const from = random.below(places) * length
  const to = Math.max(SUPERBLOCK + 128, random.below(places) * length)
  mutant.bytes.copyWithin(to, from, from + length)
  mutant.notes.push(`${length} bytes of ${from} copied to ${to}`)
}

function truncate(mutant: Mutant, random: Random): void {
  const { length } = mutant.bytes
  const end = random.chance(50)
    ? random.below(length)
    : Math.max(0, length - random.pick([1, 2, 511, 512, 4096, 8192]))
  mutant.bytes = mutant.bytes.slice(0, end)
  mutant.notes.push(`cut from ${length} to ${end} bytes`)
}

function readField(bytes: Uint8Array<ArrayBuffer>, { at, width }: Field): bigint | undefined {
  if (at + width > bytes.length) return undefined
  let value = 0n
  for (let i = width - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i] as number)
  return value
}

function writeField(bytes: Uint8Array, { at, width }: Field, value: bigint): void {
  for (let i = 0; i < width; i++) bytes[at + i] = Number((value >> BigInt(8 * i)) & 0xffn)
}
