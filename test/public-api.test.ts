// SPDX-License-Identifier: MIT
/** The public face: nothing is exported by accident, nothing disappears by accident. */
import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import * as everywhere from "../src/index.js"
import * as node from "../src/index.node.js"

/** Names that an index exports as types only; they leave no trace at run time. */
function typesOf(file: string): string[] {
  const text = readFileSync(new URL(`../src/${file}`, import.meta.url), "utf8")
  const names: string[] = []
  for (const [, isType, list] of text.matchAll(/export (type )?\{([^}]*)\}/g)) {
    for (const item of (list as string)
      .split(",")
      .map((part) => part.trim())
      .filter(Boolean)) {
      if (isType) names.push(item)
      else if (item.startsWith("type ")) names.push(item.slice(5))
    }
  }
  return names.sort()
}

it("values for every runtime", () => {
  expect(Object.keys(everywhere).sort()).toMatchInlineSnapshot(`
    [
      "ErofsError",
      "PagePool",
      "blobSource",
      "bufferSource",
      "cacheApiStore",
      "cachedSource",
      "compatNames",
      "decodeName",
      "encodeName",
      "httpSource",
      "incompatNames",
      "init",
      "isErofsError",
      "loadTar",
      "memoryStore",
      "nidToBigInt",
      "ociSource",
      "offsetSource",
      "opfsSource",
      "opfsStore",
    ]
  `)
})

it("values for Node, Deno and Bun", () => {
  expect(
    Object.keys(node)
      .filter((name) => !(name in everywhere))
      .sort(),
  ).toMatchInlineSnapshot(`
    [
      "directoryStore",
      "openFile",
      "openFileSync",
    ]
  `)
})

it("types", () => {
  expect(typesOf("index.ts")).toMatchInlineSnapshot(`
    [
      "Abortable",
      "Advice",
      "AdviseOptions",
      "AlgorithmConfig",
      "AsyncSource",
      "BigIntStats",
      "CacheApiOptions",
      "CacheEntry",
      "CacheLimits",
      "CacheOptions",
      "CacheStore",
      "CachedSource",
      "Device",
      "Dirent",
      "ErrorCode",
      "ErrorDetails",
      "ExtentDescription",
      "FetchFunction",
      "FingerprintOptions",
      "FingerprintProgress",
      "FollowOptions",
      "Forgery",
      "HttpOptions",
      "HttpSource",
      "Image",
      "ImageHandle",
      "InitOptions",
      "InodeDescription",
      "Leak",
      "ListxattrOptions",
      "MapEntry",
      "MappedView",
      "MountOptions",
      "OciLayer",
      "OciOptions",
      "OciSource",
      "OpenFile",
      "OpfsAccessHandle",
      "OpfsFileHandle",
      "OpfsStoreOptions",
      "PoolHandle",
      "PoolOptions",
      "PoolStats",
      "ReadFileOptions",
      "ReadOptions",
      "ReaddirOptions",
      "RegistryCredentials",
      "Residency",
      "ResidentSpace",
      "Sharing",
      "Source",
      "SourceBase",
      "SourceStats",
      "StatFs",
      "StatOptions",
      "Stats",
      "Superblock",
      "SyncSource",
      "TarOptions",
      "TarProgress",
      "Target",
      "Variant",
      "WalkEntry",
      "WalkOptions",
    ]
  `)
  expect(typesOf("index.node.ts")).toMatchInlineSnapshot(`
    [
      "FileSource",
      "FileSourceOptions",
    ]
  `)
})
