// SPDX-License-Identifier: MIT
/** From what the user calls an image, or a device of one, to its bytes. */
import { openFileSync } from "../source/file.js"
import type { Source } from "../source/source.js"
import { type Access, isRemote } from "./access.js"

/** Opens a file, a URL, or a layer in a registry. */
export async function openSource(name: string, access: Access): Promise<Source> {
  if (!isRemote(name)) return openFileSync(name)
  // Loaded only where it is used: most images are files.
  const { openRemote } = await import("./remote.js")
  return await openRemote(name, access)
}
