// SPDX-License-Identifier: MIT
/** Starting the system's Chromium, headless, for tests with real pages. */
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { type Browser, chromium } from "playwright-core"

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]

/** What Chromium is told: run as root in a container, ask nothing of the network, touch no graphics. */
export const CHROMIUM_ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
]

/** Where Chromium lies: `$CHROMIUM`, else the first in PATH; undefined if nowhere. */
export function findChromium(): string | undefined {
  if (process.env.CHROMIUM) return process.env.CHROMIUM
  const folders = (process.env.PATH ?? "").split(delimiter)
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable)
}

/** Starts Chromium. Close it at the end. Throws if there is none. */
export async function launchChromium(args: readonly string[] = []): Promise<Browser> {
  const executablePath = findChromium()
  if (!executablePath) throw new Error("no Chromium: install it, or name it in $CHROMIUM")
  return chromium.launch({ executablePath, args: [...CHROMIUM_ARGUMENTS, ...args] })
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
