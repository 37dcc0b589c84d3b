// SPDX-License-Identifier: MIT
/** Whether files are what their fingerprints claim: what mounting with `trust: "verify"` asks. */
import type { Content } from "./content.js"
import type { Operation } from "./drive.js"
import type { Engine, Forgery } from "./engine.js"
import { isErofsError } from "./errors.js"
import { type Nid, nidToBigInt } from "./format/nid.js"
import { DIGEST_BYTES, hashContent, proofBytes } from "./hash.js"
import type { Proof } from "./proofs.js"

/** Forgeries that are listed; further ones are only counted. */
const LISTED_FORGERIES = 1000
/** Larger files are not verified: the size is the image's claim, and their proof takes memory. */
const MAX_VERIFIED = 2 ** 30
/** What a fingerprint that can be verified begins with; 32 bytes follow. */
const DIGEST_PREFIX = "sha256:"

/** Verifies the files of one image. */
export class Verifier {
  readonly #engine: Engine
  readonly #image: string
  readonly #genuine = new Set<Nid>()
  readonly #forgeries = new Map<Nid, Forgery>()

  /** `image` is what forgeries name it by. */
  constructor(engine: Engine, image: string) {
    this.#engine = engine
    this.#image = image
  }

  /**
   * The proof that a content is what a fingerprint claims. Undefined if it is not, if that cannot be told (a
   * fingerprint of another kind, a file that is too large, bytes that cannot be read): it must not share.
   */
  *prove(nid: Nid, fingerprint: Uint8Array, content: Content): Operation<Proof | undefined> {
    const claim = claimOf(fingerprint)
    if (!claim || content.size > MAX_VERIFIED || this.#forgeries.has(nid)) return undefined
    const { proofs } = this.#engine
    const known = this.#genuine.has(nid) ? proofs.get(claim) : undefined
    if (known) return known
    const proof = new Uint8Array(proofBytes(content.size))
    const digest = yield* this.#hash(content, proof)
    if (!digest) return undefined
    if (toHex(digest) !== claim) {
      this.#note(nid, claim)
      return undefined
    }
    this.#genuine.add(nid)
    return proofs.keep(claim, proof)
  }

  /** Remembers by which path a forgery was opened. */
  name(nid: Nid, path: string): void {
    const forgery = this.#forgeries.get(nid)
    if (forgery) forgery.path ??= path
  }

  /** The digest; undefined if not all bytes can be read. Whoever reads the file will be told why. */
  *#hash(content: Content, proof: Proof): Operation<Uint8Array | undefined> {
    try {
      return yield* hashContent(this.#engine, content, proof)
    } catch (error) {
      if (isErofsError(error) && error.code !== "ENOMEM") return undefined
      throw error
    }
  }

  #note(nid: Nid, claim: string): void {
    if (this.#forgeries.has(nid)) return
    const forgery: Forgery = { image: this.#image, nid: nidToBigInt(nid), path: undefined, claim }
    this.#forgeries.set(nid, forgery)
    const { counters, forgeries } = this.#engine
    counters.filesForged++
    if (forgeries.length < LISTED_FORGERIES) forgeries.push(forgery)
  }
}

/** The SHA-256 that a fingerprint claims, in hexadecimal digits. */
function claimOf(fingerprint: Uint8Array): string | undefined {
  if (fingerprint.length !== DIGEST_PREFIX.length + DIGEST_BYTES) return undefined
  for (let i = 0; i < DIGEST_PREFIX.length; i++) {
    if (fingerprint[i] !== DIGEST_PREFIX.charCodeAt(i)) return undefined
  }
  return toHex(fingerprint.subarray(DIGEST_PREFIX.length))
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
}
