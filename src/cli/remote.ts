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

/** Opens a URL or a layer in a registry. */
export async function openRemote(name: string, access: Access): Promise<AsyncSource> {
  const store = access.cache === undefined ? undefined : directoryStore(access.cache)
  if (isOciReference(name)) {
    const layer = await openLayer(name, access)
    return store ? await cachedSource(layer, store) : layer
  }
  const { headers } = access
  return store ? await cachedSource(name, store, { headers }) : await httpSource(name, { headers })
}

async function openLayer(name: string, { cache: _, ...access }: Access): Promise<AsyncSource> {
  const credentials = findCredentials(name)
  return await ociSource(name, { ...access, ...(credentials && { credentials }) })
}
