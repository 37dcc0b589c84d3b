// SPDX-License-Identifier: MIT
import type { PoolOptions } from "../../src/index.js"
import { Random } from "../support/random.js"
import { Arena } from "./arena.js"
import type { Case } from "./cases.js"
import type { Subject } from "./structures.js"

/** The pools that take turns: small ones, where pages go while they are used, and larger ones. */
const POOLS: readonly PoolOptions[] = [
  { bytes: 1 << 20, shared: false, sharing: "none" },
  { bytes: 256 << 10, shared: true, sharing: "none" },
  { bytes: 8 << 20, shared: true, sharing: "fingerprint" },
  { bytes: 4 << 20, shared: false, sharing: "none" },
]
/** Of 100 images so many are read asynchronously. */
const ASYNC = 20

/** Runs damaged images through pools that live on from one to the next. */
export class Fuzzer {
  readonly #arenas: readonly Arena[]
  readonly #seed: number
  #data = 0
  #number = 0

  private constructor(arenas: readonly Arena[], seed: number) {
    this.#arenas = arenas
    this.#seed = seed
  }

  /** Pools in which `good` lies undamaged beside the damaged images. */
  static async create(good: Subject, seed: number): Promise<Fuzzer> {
    return new Fuzzer(await Promise.all(POOLS.map((options) => Arena.create(options, good))), seed)
  }

  /** How many images could be mounted, of all. */
  get outcomes(): string {
    return `${this.#data} of ${this.#number} mounted`
  }

  /** What went wrong with one damaged image, one line for each. */
  async run(one: Case): Promise<string[]> {
    const mutant = one.make()
    // What is done with it must not depend on what ran before, so that it can be done again alone.
    const random = new Random(this.#seed, ...[...one.id].map((letter) => letter.charCodeAt(0)))
    const arena = random.pick(this.#arenas)
    this.#number++
    const findings = await arena.use(mutant, one.subject, random, random.chance(ASYNC) ? "async" : "sync")
    if (arena.hasMounted) this.#data++
    return findings.map(
      (finding) => `--replay ${one.id} (seed ${this.#seed}): ${mutant.notes.join("; ")}\n    ${finding}`,
    )
  }
}
