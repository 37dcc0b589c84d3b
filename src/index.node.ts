// SPDX-License-Identifier: MIT
/** The face for Node, Deno and Bun: everything of index.ts, all of it at once, and files of the system as sources. */
import { provideTarWriter } from "./tar/load.js"
import { TarWriter } from "./tar/writer.js"

provideTarWriter(TarWriter)

export * from "./index.js"
export { directoryStore } from "./source/directory-store.js"
export { type FileSource, type FileSourceOptions, openFile, openFileSync } from "./source/file.js"
