// SPDX-License-Identifier: MIT
/** Images that are no files: how the user names them, and how they are asked for. */
import type { OciOptions } from "../source/oci.js"
import { isOciReference } from "../source/oci-reference.js"
import type { Arguments } from "./arguments.js"
import { UsageError } from "./exit.js"

/** How images are asked for that are no files. */
export interface Access extends Pick<OciOptions, "platform" | "plainHttp"> {
  /** Further headers of every request. */
  headers: [name: string, value: string][]
  /** Directory to keep fetched ranges in. */
  cache: string | undefined
}

/** Whether what the user gave for an image is no file. */
export function isRemote(name: string): boolean {
  return isOciReference(name) || /^https?:\/\//i.test(name)
}

/** Headers as they are given on a command line: `Name: value`. Throws {@link UsageError} for anything else. */
export function parseHeaders(texts: readonly string[]): [string, string][] {
  return texts.map((text) => {
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):\s*([^\r\n]*)$/.exec(text) ?? []
    if (name === undefined || value === undefined) {
      throw new UsageError(`--header takes 'Name: value', not '${text}'`)
    }
    return [name, value]
  })
}

/** Options that say how images are asked for, and what they are for. */
const REMOTE_OPTIONS = [
  ["header", "URLs and registries", isRemote],
  ["cache", "URLs and registries", isRemote],
  ["platform", "registries", isOciReference],
  ["plain-http", "registries", isOciReference],
] as const

/**
 * What the command line says of how images are asked for that are no files. Throws {@link UsageError} if it says so though
 * none of the images and devices that are read is one.
 */
export function accessOf(args: Arguments, names: readonly string[]): Access {
  for (const [option, what, isOne] of REMOTE_OPTIONS) {
    if (args.has(option) && !names.some(isOne)) {
      throw new UsageError(
        `--${option} is for ${what}: '${names[0]}' is ${isRemote(names[0] ?? "") ? "a URL" : "a file"}`,
      )
    }
  }
  const platform = args.text("platform")
  return {
    headers: parseHeaders(args.texts("header")),
    cache: args.text("cache"),
    plainHttp: args.has("plain-http"),
    ...(platform !== undefined && { platform }),
  }
}
