// SPDX-License-Identifier: MIT

/** One way to authenticate that a server offers: `Bearer realm="...",service="..."`. */
export interface Challenge {
  /** In lower case. */
  scheme: string
  /** Names in lower case. */
  parameters: ReadonlyMap<string, string>
}

const TOKEN = "[\\w!#$%&'*+.^`|~-]+"
/** A scheme, or a parameter with its value, plain or quoted; and what separates it from the next. */
const ITEM = new RegExp(`(${TOKEN})(?:\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN})))?[\\s,]*`, "gy")

/** What a WWW-Authenticate header offers, several headers joined by commas; what is not understood ends it. */
export function parseChallenges(header: string | null): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = []
  for (const [, name, quoted, plain] of (header ?? "").trim().matchAll(ITEM)) {
    const value = quoted?.replace(/\\(.)/gs, "$1") ?? plain
    if (value === undefined) {
      challenges.push({ scheme: (name as string).toLowerCase(), parameters: new Map() })
    } else {
      challenges.at(-1)?.parameters.set((name as string).toLowerCase(), value)
    }
  }
  return challenges
}
