// SPDX-License-Identifier: MIT
/** Who the user is to registries: what `docker login` and `podman login` wrote down, or had a helper keep. */
import { readFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { ErofsError } from "../errors.js"
import { parseOciReference } from "../source/oci-reference.js"
import type { RegistryCredentials } from "../source/token.js"
import { askHelper } from "./credential-helper.js"
import { codeOf } from "./exit.js"

const DOCKER_HUB = ["index.docker.io", "docker.io", "registry-1.docker.io"]
/** As what helpers know Docker Hub. */
const DOCKER_HUB_SERVER = "https://index.docker.io/v1/"

/** The credentials for the registry of a reference, from the first of the files that has some. */
export function findCredentials(reference: string): RegistryCredentials | undefined {
  const { host } = parseOciReference(reference)
  for (const path of loginFiles()) {
    const credentials = credentialsIn(path, host)
    if (credentials) return credentials
  }
  return undefined
}

/**
 * Files that are looked at, in order. As for podman and its like, one that the user names is the only one; a directory named to
 * Docker holds the only one, too.
 */
function loginFiles(): string[] {
  const { REGISTRY_AUTH_FILE, DOCKER_CONFIG, XDG_RUNTIME_DIR, XDG_CONFIG_HOME } = process.env
  if (REGISTRY_AUTH_FILE) return [REGISTRY_AUTH_FILE]
  if (DOCKER_CONFIG) return [join(DOCKER_CONFIG, "config.json")]
  const runtime = XDG_RUNTIME_DIR
    ? join(XDG_RUNTIME_DIR, "containers")
    : join("/run/containers", String(process.getuid?.()))
  return [
    join(runtime, "auth.json"),
    join(XDG_CONFIG_HOME || join(homedir(), ".config"), "containers", "auth.json"),
    join(homedir(), ".docker", "config.json"),
  ]
}

/**
 * What a file says of a host: `{"auths":{"HOST":{"auth":"BASE64 OF USER:PASSWORD"}}}`. Before that the helper is asked that
 * it names for the host (`credHelpers`), or for all (`credsStore`), as Docker does.
 */
function credentialsIn(path: string, host: string): RegistryCredentials | undefined {
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined
    throw error
  }
  const login = parseLogin(text, path)
  const kept = askHelpers(login, host)
  if (kept) return kept
  for (const [key, entry] of Object.entries(objectOf(login.auths))) {
    const { auth } = (entry ?? {}) as { auth?: unknown }
    if (typeof auth !== "string" || !isSameHost(hostOf(key), host)) continue
    const [, username, password] = /^([^:]+):(.*)$/s.exec(Buffer.from(auth, "base64").toString()) ?? []
    if (username !== undefined && password !== undefined) return { username, password }
  }
  return undefined
}

/** What stands in a file of that kind, as far as it is of interest. */
interface Login {
  auths?: unknown
  credHelpers?: unknown
  credsStore?: unknown
}

function parseLogin(text: string, path: string): Login {
  try {
    return objectOf(JSON.parse(text))
  } catch (cause) {
    throw new ErofsError("EINVAL", "not a file that a login wrote", { cause, syscall: "read", path })
  }
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {}
}

function askHelpers({ credHelpers, credsStore }: Login, host: string): RegistryCredentials | undefined {
  const [, own] = Object.entries(objectOf(credHelpers)).find(([key]) => isSameHost(hostOf(key), host)) ?? []
  const name = own ?? credsStore
  if (typeof name !== "string" || name === "") return undefined
  return askHelper(name, DOCKER_HUB.includes(host) ? DOCKER_HUB_SERVER : host)
}

/** Keys are hosts, some with a scheme in front or a path behind. */
function hostOf(key: string): string {
  return key
    .replace(/^https?:\/\//, "")
    .replace(/\/.*$/s, "")
    .toLowerCase()
}

function isSameHost(a: string, b: string): boolean {
  return a === b || (DOCKER_HUB.includes(a) && DOCKER_HUB.includes(b))
}
