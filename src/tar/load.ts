// SPDX-License-Identifier: MIT
/** The writer of archives, which is loaded only where one is written: most of who read an image do without. */
import { ErofsError } from "../errors.js"
import type { TarWriter } from "./writer.js"

/** What makes archives. */
export type TarWriterClass = typeof TarWriter

let loaded: TarWriterClass | undefined

/**
 * Loads what `Image.tarSync` needs. Only pages made with a bundler have to: `Image.tar` does so by itself, and everywhere
 * else it comes with the package. Throws EIO if it cannot be had.
 */
export async function loadTar(): Promise<void> {
  await tarWriter()
}

/** The writer, loaded once. Throws EIO if it cannot be had, and tries again the next time. */
export async function tarWriter(): Promise<TarWriterClass> {
  try {
    loaded ??= (await import("./writer.js")).TarWriter
    return loaded
  } catch (cause) {
    throw new ErofsError("EIO", "the part of the package that writes archives cannot be loaded", { cause })
  }
}

/** The writer, if it has been loaded; else throws ENOTSUP. */
export function tarWriterAtOnce(): TarWriterClass {
  if (loaded) return loaded
  throw new ErofsError("ENOTSUP", "what writes archives has not been loaded: await loadTar() first")
}

/** Gives the writer, where it has come with everything else. */
export function provideTarWriter(writer: TarWriterClass): void {
  loaded = writer
}
