// SPDX-License-Identifier: MIT
/** Programs that keep credentials for container tools: `docker-credential-NAME`. */
import { spawnSync } from "node:child_process"
import { ErofsError } from "../errors.js"
import type { RegistryCredentials } from "../source/token.js"
import { codeOf } from "./exit.js"

/** Milliseconds that a helper may take: it may ask its user. */
const TIMEOUT = 60_000
const MAX_ANSWER = 1 << 20
/** What helpers print where they know nothing of a server. */
const NOT_FOUND = /^credentials not found/i
/** The name that stands for a token instead of a password. */
const TOKEN_USER = "<token>"

/**
 * What the helper of that name keeps for a server; undefined if that is nothing. Throws EINVAL for a name that can be none,
 * EACCES where the helper is not there or fails. What it printed is told to nobody, but for its complaint.
 */
export function askHelper(name: string, server: string): RegistryCredentials | undefined {
  if (!/^\w[\w.-]*$/.test(name)) throw new ErofsError("EINVAL", "the login names a helper that can be none")
  const program = `docker-credential-${name}`
  const { status, stdout, stderr, error } = spawnSync(program, ["get"], {
    input: server,
    encoding: "utf8",
    timeout: TIMEOUT,
    maxBuffer: MAX_ANSWER,
    stdio: ["pipe", "pipe", "pipe"],
  })
  if (error) {
    const why = codeOf(error) === "ENOENT" ? "is not there" : error.message
    throw new ErofsError("EACCES", `${program}, which keeps the credentials for ${server}, ${why}`)
  }
  if (status !== 0) {
    // Helpers complain on standard output.
    const complaint = (stdout.trim() || stderr.trim()).split("\n")[0]?.slice(0, 200) ?? ""
    if (NOT_FOUND.test(complaint)) return undefined
    throw new ErofsError("EACCES", `${program} fails: ${complaint || `exit code ${status}`}`)
  }
  return parseAnswer(stdout, program)
}

function parseAnswer(text: string, program: string): RegistryCredentials | undefined {
  let answer: { Username?: unknown; Secret?: unknown }
  try {
    answer = Object(JSON.parse(text))
  } catch {
    // The text may hold the secret.
    throw new ErofsError("EACCES", `${program} gives no credentials that can be understood`)
  }
  const { Username: username, Secret: password } = answer
  if (typeof username !== "string" || typeof password !== "string") {
    throw new ErofsError("EACCES", `${program} gives no credentials that can be understood`)
  }
  if (username === TOKEN_USER) {
    throw new ErofsError("ENOTSUP", `${program} gives an identity token, not a user and a password`)
  }
  return username === "" && password === "" ? undefined : { username, password }
}
