// SPDX-License-Identifier: MIT
/** What manifests say: which one of an index is meant, and where the EROFS layer is. */
import { ErofsError } from "../errors.js"
import { isObject } from "./document.js"
import { isDigest } from "./oci-reference.js"

/** Media types of indexes and manifests, of OCI and as Docker called them. */
const INDEXES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
]
const MANIFESTS = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
]
/** All that is asked for. */
export const MEDIA_TYPES: readonly string[] = [...MANIFESTS, ...INDEXES]
/** Layers that are an EROFS image as it is. */
const LAYERS = ["application/vnd.erofs", "application/vnd.erofs.layer.v1"]
/** Names in messages, at most. */
const MAX_NAMED = 20

/** What a manifest says of a blob or of another manifest. */
export interface Descriptor {
  mediaType: string
  digest: string
  /** Bytes. */
  size: number
}

/** A layer of a manifest. */
export interface OciLayer extends Descriptor {
  /** Its number in the manifest. */
  index: number
}

/**
 * The digest of the manifest that an index holds for a platform (`linux/arm64`, `linux/arm/v7`); undefined for what is
 * a manifest itself. Without a platform there must be only one manifest. Throws EINVAL, naming the choices; EUCLEAN for
 * what is neither.
 */
export function chooseManifest(
  manifest: Record<string, unknown>,
  platform: string | undefined,
): string | undefined {
  if (!isIndex(manifest)) {
    if (Array.isArray(manifest.layers)) return undefined
    throw damaged("it is neither a manifest with layers nor an index of such")
  }
  const choices = descriptorsOf(manifest.manifests, "manifest")
    .filter(([, entry]) => !isAttestation(entry))
    .map(([{ digest }, entry]) => ({ digest, platform: platformOf(entry), isForErofs: isForErofs(entry) }))
  const fitting = choices.filter((choice) => platform === undefined || isWithin(choice.platform, platform))
  const preferred = fitting.filter((choice) => choice.isForErofs)
  const [chosen, ...others] = preferred.length > 0 ? preferred : fitting
  if (chosen && others.length === 0) return chosen.digest
  const names = listOf(choices.map((choice) => `${choice.platform || "no platform"} (${choice.digest})`))
  const meant = platform === undefined ? "" : ` for the platform '${platform}'`
  throw new ErofsError(
    "EINVAL",
    fitting.length === 0
      ? `the index has no manifest${meant}, but ${names || "none at all"}`
      : `the index has ${fitting.length} manifests${meant}, and a platform or a digest has to choose: ${names}`,
  )
}

/**
 * The layer that is meant: by its number in the manifest or its digest; if neither is given, the only one that is an
 * EROFS image. Throws EINVAL, naming the choices; EUCLEAN for a damaged manifest.
 */
export function chooseLayer(manifest: Record<string, unknown>, wanted: string | undefined): OciLayer {
  const all = descriptorsOf(manifest.layers, "layer").map(([descriptor], index) => ({ ...descriptor, index }))
  const erofs = all.filter(({ mediaType }) => LAYERS.includes(mediaType))
  if (erofs.length === 0) {
    const types = listOf([...new Set(all.map(({ mediaType }) => mediaType))])
    throw new ErofsError("EINVAL", `the manifest has no EROFS layer, but ${types || "none at all"}`)
  }
  const fitting =
    wanted === undefined
      ? erofs
      : all.filter(({ index, digest }) => wanted === String(index) || wanted === digest)
  const [layer] = fitting
  // The same blob several times is one choice.
  const isOne = layer !== undefined && fitting.every(({ digest }) => digest === layer.digest)
  if (isOne && erofs.includes(layer)) return layer
  const names = listOf(erofs.map(({ index, digest, size }) => `#${index} (${digest}, ${size} bytes)`))
  const reason =
    wanted === undefined
      ? `the manifest has ${erofs.length} EROFS layers, and the option 'layer' has to choose: ${names}`
      : `layer ${wanted} is no EROFS layer of the manifest: ${names}`
  throw new ErofsError("EINVAL", reason)
}

function isIndex(manifest: Record<string, unknown>): boolean {
  const { mediaType } = manifest
  return typeof mediaType === "string" ? INDEXES.includes(mediaType) : Array.isArray(manifest.manifests)
}

/** Descriptors, each with all that stands beside it. Throws EUCLEAN if one is none. */
function descriptorsOf(list: unknown, what: string): [Descriptor, Record<string, unknown>][] {
  if (!Array.isArray(list)) throw damaged(`it has no list of ${what}s`)
  return (list as unknown[]).map((entry, i) => {
    const { mediaType, digest, size } = isObject(entry) ? entry : {}
    const isSize = typeof size === "number" && Number.isSafeInteger(size) && size >= 0
    if (!isObject(entry) || typeof mediaType !== "string" || !isDigest(digest) || !isSize) {
      throw damaged(`${what} ${i} has no type, digest or size`)
    }
    return [{ mediaType, digest, size }, entry]
  })
}

/** Build tools put statements about manifests beside them, for no platform. */
function isAttestation(entry: Record<string, unknown>): boolean {
  return platformOf(entry) === "unknown/unknown"
}

/** Whether a manifest beside others for the same platform is the one with EROFS layers. */
function isForErofs({ platform }: Record<string, unknown>): boolean {
  const features = isObject(platform) ? platform["os.features"] : undefined
  return Array.isArray(features) && features.includes("erofs")
}

/** A platform as text: system, architecture and, if there is one, variant. Empty if it is not told. */
function platformOf({ platform }: Record<string, unknown>): string {
  if (!isObject(platform)) return ""
  const parts = [platform.os, platform.architecture, platform.variant]
  return parts.filter((part) => typeof part === "string" && part !== "").join("/")
}

/** Whether a platform is what is wanted; who does not say a variant takes any. */
function isWithin(platform: string, wanted: string): boolean {
  return platform === wanted || platform.startsWith(`${wanted}/`)
}

function listOf(names: readonly string[]): string {
  const more = names.length > MAX_NAMED ? [`${names.length - MAX_NAMED} more`] : []
  return [...names.slice(0, MAX_NAMED), ...more].join(", ")
}

function damaged(reason: string): ErofsError {
  return new ErofsError("EUCLEAN", `the manifest is damaged: ${reason}`)
}
