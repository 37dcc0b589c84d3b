// SPDX-License-Identifier: MIT
/** Comparing what this library sees in an image with a recorded manifest, key by key. */
import { type ManifestEntry, manifestEntries } from "../../src/cli/manifest.js"
import type { Image } from "../../src/image.js"
import type { Expected } from "../support/image-set.js"

/** One thing that is not as recorded. `key` is empty for a path that only one side has, or in another place. */
export interface Difference {
  path: string
  key: string
  got: string
  want: string
}

/** Everything in which an image is not what the manifest says. Throws what reading the image throws. */
export async function compareImage(
  image: Image,
  expected: ReadonlyMap<string, Expected>,
  ignoredKeys: readonly string[] = [],
): Promise<Difference[]> {
  const differences: Difference[] = []
  const paths = [...expected.keys()]
  const seen = new Set<string>()
  for await (const [path, entry] of manifestEntries(image)) {
    const want = expected.get(path)
    if (seen.has(path)) differences.push({ path, key: "", got: "twice", want: "once" })
    else if (!want) differences.push({ path, key: "", got: "there", want: "missing" })
    else {
      if (paths[seen.size] !== path) {
        differences.push({ path, key: "", got: `place ${seen.size}`, want: `place ${paths.indexOf(path)}` })
      }
      differences.push(...compareEntry(path, entry, want, ignoredKeys))
    }
    seen.add(path)
  }
  for (const path of paths) {
    if (!seen.has(path)) differences.push({ path, key: "", got: "missing", want: "there" })
  }
  return differences
}

/** The keys in which one entry is not as recorded. */
export function compareEntry(
  path: string,
  entry: ManifestEntry,
  want: Expected,
  ignoredKeys: readonly string[] = [],
): Difference[] {
  const got = JSON.parse(JSON.stringify(entry, plainOf)) as Record<string, unknown>
  const keys = new Set([...Object.keys(want), ...Object.keys(got)])
  return [...keys]
    .filter((key) => !ignoredKeys.includes(key))
    .map((key) => ({ path, key, got: textOf(got[key]), want: textOf(want[key]) }))
    .filter((difference) => difference.got !== difference.want)
}

/** One line for people. */
export function lineOf(name: string, { path, key, got, want }: Difference): string {
  return `${name}: ${JSON.stringify(path)}${key ? ` ${key}` : ""}: got ${cut(got)}, want ${cut(want)}`
}

/** As JSON has it. Manifests hold plain numbers; a size or time beyond 2^53 would not be exact there either. */
function plainOf(_key: string, value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value)
  return typeof value === "bigint" ? Number(value) : value
}

/** The value as JSON; attributes by name, as their order means nothing. */
function textOf(value: unknown): string {
  if (value === undefined) return "nothing"
  if (typeof value !== "object" || value === null || Array.isArray(value)) return JSON.stringify(value)
  const pairs = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return JSON.stringify(pairs)
}

const SHOWN = 400

function cut(text: string): string {
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}... (${text.length} characters)`
}
