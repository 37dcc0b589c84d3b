// SPDX-License-Identifier: MIT
/** The damaged images of a run, each with a name by which it can be made again. */
import { Random } from "../support/random.js"
import { fixChecksum } from "./checksum.js"
import { type Mutant, mutate, mutateField, VERBS, type Verb } from "./mutate.js"
import type { Field, Subject } from "./structures.js"

/** One damaged image, made when it is needed. */
export interface Case {
  /** `IMAGE:KIND:NUMBER`: with the seed, all that is needed to make it again. */
  id: string
  subject: Subject
  make: () => Mutant
}

const TRUNCATION_STEP = 512
/** So many fields of one kind are changed by every verb. */
const FIELDS_PER_KIND = 3

/** The image cut at every 512 bytes of its metadata. */
export function* truncations(subject: Subject): Generator<Case> {
  const end = Math.min(subject.bytes.length, subject.metadataEnd + TRUNCATION_STEP)
  for (let length = 0; length < end; length += TRUNCATION_STEP) {
    const make = (): Mutant => {
      const bytes = subject.bytes.slice(0, length)
      fixChecksum(bytes)
      return { bytes, notes: [`cut to ${length} bytes`], nids: [] }
    }
    yield { id: `${subject.name}:cut:${length}`, subject, make }
  }
}

/** Every verb on some fields of every kind. */
export function* everyField(subject: Subject, seed: number): Generator<Case> {
  const kinds = new Map<string, Field[]>()
  for (const fields of subject.fields.values()) {
    for (const field of fields) {
      const same = kinds.get(field.kind)
      if (same) same.push(field)
      else kinds.set(field.kind, [field])
    }
  }
  const random = new Random(seed, 0)
  let number = 0
  for (const fields of kinds.values()) {
    for (let i = 0; i < Math.min(FIELDS_PER_KIND, fields.length); i++) {
      const field = fields.length <= FIELDS_PER_KIND ? (fields[i] as Field) : random.pick(fields)
      for (const verb of Object.keys(VERBS) as Verb[]) {
        const own = ++number
        const make = (): Mutant => mutateField(subject, field, verb, new Random(seed, own))
        yield { id: `${subject.name}:field:${own}`, subject, make }
      }
    }
  }
}

/** Random damage number `number`. */
export function randomCase(subject: Subject, seed: number, number: number): Case {
  const make = (): Mutant => mutate(subject, new Random(seed, number))
  return { id: `${subject.name}:random:${number}`, subject, make }
}

/** The case that an id names. Throws for an id that names none. */
export function caseOf(subjects: readonly Subject[], seed: number, id: string): Case {
  const [name, kind, number] = id.split(":")
  const subject = subjects.find((one) => one.name === name)
  if (subject && kind === "random") return randomCase(subject, seed, Number(number))
  const all = subject ? [...truncations(subject), ...everyField(subject, seed)] : []
  const found = all.find((one) => one.id === id)
  if (!found) throw new Error(`no case ${id}`)
  return found
}
