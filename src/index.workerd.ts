// SPDX-License-Identifier: MIT
/**
 * The face for hosts that compile no bytes but import `.wasm` files as modules (Cloudflare Workers): everything of
 * index.ts, in plain memory, as there is no other.
 */
import { provideTarWriter } from "./tar/load.js"
import { TarWriter } from "./tar/writer.js"
import core from "./wasm/core.plain.wasm"
import { provideModule } from "./wasm/module.js"

provideModule("plain", core)
provideTarWriter(TarWriter)

export * from "./index.js"
