// SPDX-License-Identifier: MIT
/** The face for Node, Deno and Bun: everything of index.ts, and files of the system as sources. */
export * from "./index.js"
export { directoryStore } from "./source/directory-store.js"
export { type FileSource, type FileSourceOptions, openFile, openFileSync } from "./source/file.js"
