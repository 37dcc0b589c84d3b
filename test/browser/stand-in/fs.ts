// SPDX-License-Identifier: MIT
/** What tests use of `node:fs`, over the test server. Tests read at once, so this does too. */
import { Buffer } from "buffer"

function request(file: URL | string): XMLHttpRequest {
  const answer = new XMLHttpRequest()
  answer.open("GET", file, false)
  // A page may not ask for binary data synchronously: as text of one character a byte it may.
  answer.overrideMimeType("text/plain; charset=x-user-defined")
  answer.send()
  return answer
}

export function existsSync(file: URL | string): boolean {
  const { status, response } = request(file)
  // The server answers with its start page for what it does not have.
  return status === 200 && !String(response).startsWith("<!")
}

export function readFileSync(file: URL | string): Buffer
export function readFileSync(file: URL | string, encoding: "utf8"): string
export function readFileSync(file: URL | string, encoding?: "utf8"): Buffer | string {
  const answer = request(file)
  if (answer.status !== 200) throw new Error(`no ${file}`)
  const text: string = answer.response
  const bytes = Buffer.alloc(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return encoding ? bytes.toString(encoding) : bytes
}
