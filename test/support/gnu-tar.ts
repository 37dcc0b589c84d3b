// SPDX-License-Identifier: MIT
/** GNU tar, if it is there. */
import { spawnSync } from "node:child_process"

/** Whether `tar` is GNU tar. */
export const hasGnuTar = /GNU tar/.test(spawnSync("tar", ["--version"], { encoding: "utf8" }).stdout ?? "")

/** Runs GNU tar on an archive; throws what it says unless it is content. Answers standard output as bytes. */
export function gnuTar(archive: Uint8Array, ...options: string[]): Buffer {
  // Pax records that it does not know (hdrcharset) are the only thing it may warn of.
  const argv = ["--warning=no-unknown-keyword", "-f", "-", ...options]
  const env = { ...process.env, LC_ALL: "C", TZ: "UTC" }
  const { status, stdout, stderr } = spawnSync("tar", argv, { input: archive, env, maxBuffer: 1 << 28 })
  if (status !== 0) throw new Error(`tar ${argv.join(" ")}: exit code ${status}: ${stderr}`)
  return stdout
}

/** One line of a listing of GNU tar. */
export interface GnuEntry {
  /** Type and permissions as `ls -l` shows them. */
  mode: string
  owner: string
  /** Bytes, or `MAJOR,MINOR`. */
  size: string
  /** `YYYY-MM-DD HH:MM:SS` and a fraction. */
  time: string
  /** As it is, and the target of a link behind it. */
  name: string
}

/** What GNU tar sees in an archive; names escaped as in C. */
export function listWithGnuTar(archive: Uint8Array): GnuEntry[] {
  const options = ["-tv", "--numeric-owner", "--full-time", "--quoting-style=escape"]
  const lines = gnuTar(archive, ...options)
    .toString("latin1")
    .split("\n")
  return lines.filter(Boolean).map((line) => {
    const [, mode, owner, size, time, name] =
      /^(\S{10})[.+*]? (\d+\/\d+) +(\d+(?:,\d+)?) (-?\d+-\d\d-\d\d [\d:.]+) (.*)$/.exec(line) ?? []
    if (name === undefined) throw new Error(`no line of a listing: ${line}`)
    return { mode, owner, size, time, name } as GnuEntry
  })
}
