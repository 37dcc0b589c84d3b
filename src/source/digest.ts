// SPDX-License-Identifier: MIT
import { ErofsError } from "../errors.js"

const ALGORITHMS: Record<string, string> = { sha256: "SHA-256", sha512: "SHA-512" }

/**
 * The digest of bytes in ordinary memory, as registries write it: `sha256:` and hex. Throws ENOTSUP where the platform
 * has no Web Crypto, as in pages that did not come over HTTPS.
 */
export async function digestOf(
  bytes: Uint8Array<ArrayBuffer>,
  algorithm: "sha256" | "sha512" = "sha256",
): Promise<string> {
  const subtle = globalThis.crypto?.subtle
  if (!subtle) throw new ErofsError("ENOTSUP", "digests cannot be verified: crypto.subtle is not there")
  const hash = new Uint8Array(await subtle.digest(ALGORITHMS[algorithm] as string, bytes))
  return `${algorithm}:${Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("")}`
}

/** Whether bytes have a digest. */
export async function hasDigest(bytes: Uint8Array<ArrayBuffer>, digest: string): Promise<boolean> {
  const algorithm = digest.startsWith("sha512:") ? "sha512" : "sha256"
  return (await digestOf(bytes, algorithm)) === digest
}
