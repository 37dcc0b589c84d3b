// SPDX-License-Identifier: MIT
/**
 * Reads EROFS images anywhere JavaScript runs, through one pool of pages that all images share.
 *
 *     import { bufferSource, PagePool } from "erofs-wasm"
 *
 *     const pool = await PagePool.create()
 *     const image = await pool.mount(bufferSource(await (await fetch("rootfs.erofs")).arrayBuffer()))
 *     for await (const entry of image.walk("/etc")) console.log(entry.path)
 *     console.log(await image.readFile("/etc/os-release", "utf8"))
 *
 * Begin with {@link PagePool}; an {@link Image} answers as `node:fs` does, an {@link OpenFile} is read, streamed or
 * mapped, and a {@link MappedView} is the pool's own bytes. Errors are {@link ErofsError}.
 *
 * @module
 */
export type { Advice, AdviseOptions } from "./advice.js"
export type { ExtentDescription, InodeDescription } from "./describe.js"
export type { Device } from "./devices.js"
export type { Forgery, Leak, Sharing } from "./engine.js"
export { ErofsError, type ErrorCode, type ErrorDetails, isErofsError } from "./errors.js"
export type { OpenFile, ReadOptions } from "./file.js"
export type { FingerprintOptions, FingerprintProgress } from "./fingerprints.js"
export type { AlgorithmConfig } from "./format/compression.js"
export { compatNames, incompatNames } from "./format/features.js"
export { decodeName, encodeName } from "./format/names.js"
export { nidToBigInt } from "./format/nid.js"
export type { Superblock } from "./format/superblock.js"
export type { PoolHandle } from "./handle.js"
export type {
  FollowOptions,
  Image,
  ListxattrOptions,
  ReaddirOptions,
  ReadFileOptions,
  StatOptions,
  Target,
} from "./image.js"
export type { ImageHandle, MountOptions } from "./mount.js"
export type { Abortable } from "./options.js"
export { type MapEntry, PagePool, type PoolStats } from "./pool.js"
export type { PoolOptions } from "./pool-options.js"
export type { Residency, ResidentSpace } from "./residency.js"
export { blobSource } from "./source/blob.js"
export {
  type CacheApiOptions,
  cacheApiStore,
  type OpfsStoreOptions,
  opfsStore,
} from "./source/browser-stores.js"
export { bufferSource } from "./source/buffer.js"
export { type CacheEntry, type CacheLimits, type CacheStore, memoryStore } from "./source/cache-store.js"
export { type CachedSource, type CacheOptions, cachedSource } from "./source/cached.js"
export type { FetchFunction } from "./source/exchange.js"
export { type HttpOptions, type HttpSource, httpSource } from "./source/http.js"
export { type OciLayer, type OciOptions, type OciSource, ociSource } from "./source/oci.js"
export { offsetSource } from "./source/offset.js"
export { type OpfsAccessHandle, type OpfsFileHandle, opfsSource } from "./source/opfs.js"
export type { AsyncSource, Source, SourceBase, SourceStats, SyncSource } from "./source/source.js"
export type { RegistryCredentials } from "./source/token.js"
export type { BigIntStats, Dirent, StatFs, Stats } from "./stats.js"
export { loadTar } from "./tar/load.js"
export type { TarOptions, TarProgress } from "./tar/options.js"
export type { MappedView } from "./view.js"
export type { WalkEntry, WalkOptions } from "./walk.js"
export { type InitOptions, init, type Variant } from "./wasm/module.js"
