// SPDX-License-Identifier: MIT
/** Names of images in registries: `oci://HOST/NAME:TAG`, `oci://HOST/NAME@DIGEST`, a layer of it behind `#`. */
import { ErofsError } from "../errors.js"

/** What a reference names. */
export interface OciReference {
  /** Host, with its port if one is given. */
  host: string
  /** Name of the repository. */
  name: string
  /** Tag, or digest if one is given. */
  version: string
  /** The layer: its number in the manifest, or its digest. */
  layer: string | undefined
}

const NAME_PART = "[a-z\\d]+(?:(?:\\.|_|__|-+)[a-z\\d]+)*"
const NAME = new RegExp(`^${NAME_PART}(?:/${NAME_PART})*$`)
const MAX_NAME_LENGTH = 255
const HOST = /^(?:[a-z\d](?:[a-z\d.-]*[a-z\d])?|\[[\da-f:.]+\])(?::\d{1,5})?$/i
const TAG = /^\w[\w.-]{0,127}$/
const DIGEST = /^(?:sha256:[\da-f]{64}|sha512:[\da-f]{128})$/
const LAYER = /^(?:\d{1,4}|sha256:[\da-f]{64}|sha512:[\da-f]{128})$/
const FORM = "oci://HOST/NAME:TAG or oci://HOST/NAME@DIGEST, with #LAYER behind it if need be"
const SCHEME = "oci://"

/** Whether a text names an image in a registry. */
export function isOciReference(text: string): boolean {
  return text.startsWith(SCHEME)
}

/** Whether a text is a digest that can be verified here: sha256 or sha512 in hex. */
export function isDigest(text: unknown): text is string {
  return typeof text === "string" && DIGEST.test(text)
}

/** What a reference says. Throws EINVAL for one that is none; the tag is `latest` if there is neither tag nor digest. */
export function parseOciReference(text: string): OciReference {
  const [, host = "", path = "", layer] = /^oci:\/\/([^/]*)\/([^#]*)(?:#(.*))?$/s.exec(text) ?? []
  // User and password in front of the host: not to be shown in a message.
  if (host.includes("@")) throw refused("credentials are an option of their own, not part of the reference")
  const [, longName = "", digest] = /^([^@]*)(?:@(.*))?$/s.exec(path) ?? []
  const [, name = "", tag] = /^(.*?)(?::([^/:]*))?$/s.exec(longName) ?? []
  const isWrong =
    !HOST.test(host) ||
    name.length > MAX_NAME_LENGTH ||
    !NAME.test(name) ||
    (tag !== undefined && !TAG.test(tag)) ||
    (digest !== undefined && !isDigest(digest)) ||
    (layer !== undefined && !LAYER.test(layer))
  if (isWrong) throw refused(`'${text}' is no name of an image in a registry: ${FORM}`)
  const lowerHost = host.toLowerCase()
  return { ...atDockerHub(lowerHost, name), version: digest ?? tag ?? "latest", layer }
}

/** A reference as text. */
export function formatOciReference({ host, name, version, layer }: OciReference): string {
  return `${SCHEME}${host}/${name}${version.includes(":") ? "@" : ":"}${version}${layer === undefined ? "" : `#${layer}`}`
}

/** Docker Hub is known by another name than its registry's, and leaves out `library/` in names. */
function atDockerHub(host: string, name: string): { host: string; name: string } {
  if (host !== "docker.io" && host !== "index.docker.io") return { host, name }
  return { host: "registry-1.docker.io", name: name.includes("/") ? name : `library/${name}` }
}

function refused(reason: string): ErofsError {
  return new ErofsError("EINVAL", reason)
}
