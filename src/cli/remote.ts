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
  const store = access.cache === undefined ? undefined : directoryStore(access.cache)
  if (isOciReference(name)) {
    const layer = await openLayer(name, access)
    return store ? await cachedSource(layer, store) : layer
  }
  const options = { headers: access.headers, ...(hasBeginning && { first: 0 }) }
  return store ? await cachedSource(name, store, options) : await httpSource(name, options)
}

async function openLayer(name: string, { cache: _, ...access }: Access): Promise<AsyncSource> {
  const credentials = findCredentials(name)
  return await ociSource(name, { ...access, ...(credentials && { credentials }) })
}
