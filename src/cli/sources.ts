// SPDX-License-Identifier: MIT
/** From what the user calls an image, or a device of one, to its bytes. */
import { openFileSync } from "../source/file.js"
import type { OciOptions } from "../source/oci.js"
import { isOciReference } from "../source/oci-reference.js"
import type { Source } from "../source/source.js"
import type { Arguments } from "./arguments.js"

/** How images are asked for that are no files. */
export type Access = Pick<OciOptions, "platform" | "plainHttp">

/** What the command line says of that. */
export function accessOf(args: Arguments): Access {
  const platform = args.text("platform")
  return { plainHttp: args.has("plain-http"), ...(platform !== undefined && { platform }) }
}

/** Opens a file, or a layer in a registry. */
export async function openSource(name: string, access: Access): Promise<Source> {
  if (!isOciReference(name)) return openFileSync(name)
  // Loaded only where it is used: most images are files.
  const [{ ociSource }, { findCredentials }] = await Promise.all([
    import("../source/oci.js"),
    import("./login.js"),
  ])
  const credentials = findCredentials(name)
  return await ociSource(name, { ...access, ...(credentials && { credentials }) })
}
