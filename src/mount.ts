// SPDX-License-Identifier: MIT
/** Opening an image: superblock, checksum, compression settings, device table, root. */
import { Content } from "./content.js"
import { ContentDescription, LAYOUT_FLAT } from "./content-description.js"
import { TAG_DEVICE, TAG_DOMAIN } from "./core.js"
import { type Device, Devices } from "./devices.js"
import type { Need, Operation } from "./drive.js"
import type { Engine } from "./engine.js"
import { corrupted, ErofsError } from "./errors.js"
import { failure } from "./failure.js"
import { Filesystem } from "./filesystem.js"
import { sidecarIdentity } from "./fingerprints.js"
import { readU16 } from "./format/bytes.js"
import { type AlgorithmConfig, parseCompressionConfig } from "./format/compression.js"
import { DEVICE_SLOT_SIZE, parseDeviceSlot } from "./format/device.js"
import { ALGORITHM_NAMES } from "./format/features.js"
import { isDirectory } from "./format/mode.js"
import { encodeName } from "./format/names.js"
import { nidToBigInt } from "./format/nid.js"
import { Sidecar } from "./format/sidecar.js"
import {
  checksumLength,
  describeForeign,
  parseSuperblock,
  peekSuperblock,
  SUPERBLOCK_OFFSET,
  SUPERBLOCK_SIZE,
  type Superblock,
  verifyChecksum,
} from "./format/superblock.js"
import { readBytes, readMetadata } from "./read.js"
import type { Source } from "./source/source.js"
import { Verifier } from "./verify.js"
import type { Xxh32 } from "./xattrs.js"

/** Options of mounting. */
export interface MountOptions {
  /**
   * Images share pages only with others of the same domain; default one for the whole pool, or that of `image`, from which
   * it may not differ.
   */
  domain?: string
  /** Sources of the further devices, in the order of the image's device table. None, or all of them. */
  devices?: readonly Source[]
  /** Attribute that carries fingerprints, for images whose superblock names none (e.g. `trusted.erofs.fingerprint`). */
  fingerprint?: string
  /**
   * The same image, mounted by another worker of the pool: from its `share()`. Both then use the same pages, whether
   * files carry fingerprints or not. The source must be that image's, with all its devices.
   */
  image?: ImageHandle
  /**
   * A sidecar of fingerprints, made once by `Image.fingerprints` or `erofs-wasm fingerprint`: its bytes, or a source of
   * them, which is read once and closed. What it says of a file goes before what the image says.
   */
  fingerprints?: Uint8Array | Source
  /**
   * Whether fingerprints are believed. "image" (default): they are, so mount only images that you trust into the
   * same domain. "verify": a file is read and hashed when it is opened, and shares its pages only if its content is
   * what its fingerprint claims (`sha256:` and 32 bytes; others do not share), and only with files that were verified
   * too. What does not match is told by the pool's `stats`.
   */
  trust?: "image" | "verify"
  /** Ignore a wrong checksum of the superblock: old tools wrote wrong ones for blocks of 512 and 1024 bytes. */
  ignoreChecksum?: boolean
}

/** Names a mounted image to the other workers of its pool; can be posted to them. Made by `Image.share`. */
export interface ImageHandle {
  readonly mount: number
  /** Name of the domain that it was mounted in, as bytes. */
  readonly domain: Uint8Array
}

/** Longest name of a domain, in bytes. */
const MAX_DOMAIN = 4096

/** Largest sidecar: some fifty million files. */
const MAX_SIDECAR = 2 ** 31

/** Bytes that are looked at to say what an image that is none may be. */
const FOREIGN_PROBE = 1 << 20
const CONFIG_ALIGNMENT = 4
const CONFIG_HEADER_SIZE = 2

/** Opens the image on `source`. Its sources belong to it from then on, if this succeeds. */
export function* mountImage(
  engine: Engine,
  source: Source,
  options: MountOptions,
  xxh32: Xxh32,
): Operation<Filesystem> {
  const domain = domainOf(options)
  const trust = options.trust ?? "image"
  if (trust !== "image" && trust !== "verify") throw new ErofsError("EINVAL", `unknown trust '${trust}'`)
  const mount = options.image?.mount ?? engine.core.nextMount()
  let domainSpace: number | undefined
  let probe: Content | undefined
  let filesystem: Filesystem | undefined
  try {
    domainSpace = openDomain(engine, mount, domain)
    probe = openDevice(engine, mount, new Devices(source, [], (bytes) => engine.countFetch(bytes)))
    const superblock = yield* readSuperblock(engine, probe, options.ignoreChecksum ?? false)
    const algorithms = yield* readAlgorithms(engine, probe, superblock)
    const further = yield* readDevices(engine, probe, superblock, options.devices ?? [])
    const { devices } = probe
    devices.add(further)
    filesystem = new Filesystem({
      engine,
      superblock,
      algorithms,
      devices,
      mount,
      domain,
      domainSpace,
      verifier: trust === "verify" ? new Verifier(engine, source.name ?? "") : undefined,
      sidecar: undefined,
      device: probe,
      xxh32,
      fingerprintName: options.fingerprint === undefined ? undefined : encodeName(options.fingerprint),
    })
    const root = yield* filesystem.inodes.get(superblock.rootNid)
    if (!isDirectory(root.inode.mode)) {
      throw corrupted("root is not a directory", { nid: nidToBigInt(superblock.rootNid) })
    }
    // Where they lie may take several requests, and most of what is done with an image does without them.
    if (!source.isRemote) yield* filesystem.xattrs.prefixes()
    if (options.fingerprints) yield* addSidecar(filesystem, options.fingerprints)
    return filesystem
  } catch (error) {
    if (filesystem) filesystem.close()
    else {
      if (probe) {
        engine.core.dropMount(mount, probe.space)
        probe.release(engine.core)
      }
      if (domainSpace !== undefined) engine.core.releaseSpace(domainSpace, mount)
    }
    throw error
  }
}

/** The domain to mount in. Throws EINVAL for one that is too long, or is not that of the image to mount again. */
function domainOf({ domain: name, image }: MountOptions): Uint8Array {
  if (name === undefined && image) return image.domain.slice()
  const domain = encodeName(name ?? "")
  if (domain.length > MAX_DOMAIN)
    throw new ErofsError("EINVAL", `domain of ${domain.length} bytes is too long`)
  if (image && !areEqual(domain, image.domain)) {
    throw new ErofsError("EINVAL", `domain '${name}' is not the one that the image is mounted in`)
  }
  return domain
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

/** The primary device as metadata: one flat run of bytes. */
function openDevice(engine: Engine, mount: number, devices: Devices): Content {
  // Plain JavaScript may give anything.
  const size = devices.primary?.size
  if (!Number.isSafeInteger(size) || size < 0) throw new ErofsError("EINVAL", `source of ${size} bytes`)
  const space = engine.openSpace({
    tag: TAG_DEVICE,
    owner: mount,
    key: Uint8Array.of(0),
    size,
    mount,
    domain: 0,
  })
  if (space <= 0) throw failure(-space, { nid: undefined }, 0)
  const description = new ContentDescription()
  description.space = space
  description.layout = LAYOUT_FLAT
  description.size = size
  description.blockBits = 12
  description.mount = mount
  return new Content(description, { devices, nid: undefined, metadata: undefined, packed: undefined })
}

/** The address space that names a domain: it has no pages, its number is the same for all who use it. */
function openDomain(engine: Engine, mount: number, domain: Uint8Array): number {
  const space = engine.openSpace({ tag: TAG_DOMAIN, owner: 0, key: domain, size: 0, mount, domain: 0 })
  if (space <= 0) throw failure(-space, { nid: undefined }, 0)
  return space
}

function* readSuperblock(engine: Engine, device: Content, ignoreChecksum: boolean): Operation<Superblock> {
  if (device.size < SUPERBLOCK_OFFSET + SUPERBLOCK_SIZE) {
    throw new ErofsError("EINVAL", "not an EROFS image: too short for a superblock")
  }
  const start = yield* readMetadata(engine, device, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE)
  let header: ReturnType<typeof peekSuperblock>
  try {
    header = peekSuperblock(start)
  } catch (error) {
    if (!(error instanceof ErofsError && error.code === "EINVAL")) throw error
    const bytes = yield* readBytes(engine, device, 0, Math.min(device.size, FOREIGN_PROBE))
    const foreign = describeForeign(bytes)
    throw foreign ? new ErofsError("EINVAL", `not an EROFS image: ${foreign}`) : error
  }
  const summed = Math.min(checksumLength(header.blockSize), device.size - SUPERBLOCK_OFFSET)
  if (!ignoreChecksum) verifyChecksum(yield* readMetadata(engine, device, SUPERBLOCK_OFFSET, summed), header)
  const length = Math.min(header.size, device.size - SUPERBLOCK_OFFSET)
  return parseSuperblock(yield* readMetadata(engine, device, SUPERBLOCK_OFFSET, length))
}

/** The compression configuration records behind the superblock (format section 2.5). */
function* readAlgorithms(
  engine: Engine,
  device: Content,
  superblock: Superblock,
): Operation<AlgorithmConfig[]> {
  if (!superblock.hasCompressionConfigs) return []
  const configs: AlgorithmConfig[] = []
  let position = SUPERBLOCK_OFFSET + superblock.size
  for (let algorithm = 0; algorithm < ALGORITHM_NAMES.length; algorithm++) {
    if (((superblock.algorithms >> algorithm) & 1) === 0) continue
    position = Math.ceil(position / CONFIG_ALIGNMENT) * CONFIG_ALIGNMENT
    const length = readU16(yield* readMetadata(engine, device, position, CONFIG_HEADER_SIZE), 0)
    const payload = yield* readMetadata(engine, device, position + CONFIG_HEADER_SIZE, length)
    configs.push(parseCompressionConfig(algorithm, payload, superblock))
    position += CONFIG_HEADER_SIZE + length
  }
  return configs
}

/** The device table (format section 3), with the sources that the user gave for it. */
function* readDevices(
  engine: Engine,
  device: Content,
  superblock: Superblock,
  sources: readonly Source[],
): Operation<Device[]> {
  const count = superblock.extraDevices
  if (sources.length !== 0 && sources.length !== count) {
    throw new ErofsError("EINVAL", `the image has ${count} further devices, ${sources.length} were given`)
  }
  const devices: Device[] = []
  for (let i = 0; i < count; i++) {
    const position = superblock.deviceTableOffset + i * DEVICE_SLOT_SIZE
    const slot = parseDeviceSlot(
      yield* readMetadata(engine, device, position, DEVICE_SLOT_SIZE),
      superblock.is48Bit,
    )
    devices.push({
      tag: slot.tag,
      size: slot.blocks * superblock.blockSize,
      unifiedOffset: slot.unifiedBlock * superblock.blockSize,
      source: sources[i],
    })
  }
  return devices
}

/** Reads a sidecar of fingerprints and gives it to the image, if it belongs to it. */
function* addSidecar(filesystem: Filesystem, given: Uint8Array | Source): Operation<void> {
  const bytes = given instanceof Uint8Array ? given.slice() : ((yield wholeSource(given)) as Uint8Array)
  const sidecar = new Sidecar(bytes)
  sidecar.requireFor(yield* sidecarIdentity(filesystem))
  filesystem.image.sidecar = sidecar
}

/** Needs all bytes of a small source; it is closed then. */
function wholeSource(source: Source): Need {
  if (!(source.size <= MAX_SIDECAR)) throw new ErofsError("EINVAL", `sidecar of ${source.size} bytes`)
  const devices = new Devices(source, [], () => {})
  const bytes = new Uint8Array(source.size)
  return {
    now: () => {
      devices.readSync(0, 0, bytes)
      devices.closeSync()
      return bytes
    },
    later: async (signal) => {
      await devices.read(0, 0, bytes, signal)
      await devices.close()
      return bytes
    },
  }
}
