// SPDX-License-Identifier: MIT
/** Images by their URLs, and in registries. */
import { cachedSource } from "../source/cached.js"
import { directoryStore } from "../source/directory-store.js"
import { httpSource } from "../source/http.js"
import { ociSource } from "../source/oci.js"
import { isOciReference } from "../source/oci-reference.js"
import type { AsyncSource } from "../source/source.js"
import type { Access } from "./access.js"
import { findCredentials } from "./login.js"

/**
 * Opens a URL or a layer in a registry, to be read in the background. `hasBeginning`: somebody else has read its beginning
 * already.
 */
export async function openRemote(
  name: string,
  access: Access,
  { hasBeginning = false } = {},
): Promise<AsyncSource> {
  // What is kept already need not be asked for.
  const isBare = hasBeginning || access.cache !== undefined
  const source = await (isOciReference(name)
    ? openLayer(name, access)
    : httpSource(name, { headers: access.headers, ...(isBare && { first: 0 }) }))
  return access.cache === undefined ? source : await cachedSource(source, directoryStore(access.cache))
}

async function openLayer(name: string, { cache: _, ...access }: Access): Promise<AsyncSource> {
  const credentials = findCredentials(name)
  return await ociSource(name, { ...access, ...(credentials && { credentials }) })
}
