// SPDX-License-Identifier: MIT

/** What proves the pages of a content: the state of SHA-256 before every page, and behind the last, 32 bytes each. */
export type Proof = Uint8Array

/** Proofs by the digest they are of: as many as a number of bytes holds, the last used; those in use stay with their files. */
export class Proofs {
  readonly #limit: number
  readonly #proofs = new Map<string, Proof>()
  #bytes = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get(claim: string): Proof | undefined {
    const proof = this.#proofs.get(claim)
    if (proof) {
      this.#proofs.delete(claim)
      this.#proofs.set(claim, proof)
    }
    return proof
  }

  /** Keeps a proof; answers it, or the same one that was there before. */
  keep(claim: string, proof: Proof): Proof {
    const known = this.get(claim)
    if (known) return known
    this.#proofs.set(claim, proof)
    this.#bytes += proof.length
    for (const [oldest, { length }] of this.#proofs) {
      if (this.#bytes <= this.#limit) break
      this.#proofs.delete(oldest)
      this.#bytes -= length
    }
    return proof
  }
}
