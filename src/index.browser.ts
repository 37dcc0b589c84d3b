// SPDX-License-Identifier: MIT
/** The face for pages without a bundler, which becomes one file: everything of index.ts, all of it at once. */
import { provideTarWriter } from "./tar/load.js"
import { TarWriter } from "./tar/writer.js"

provideTarWriter(TarWriter)

export * from "./index.js"
