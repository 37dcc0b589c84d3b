// SPDX-License-Identifier: MIT
/** The core's two modules: embedded in the package, or handed in by whoever may not compile from bytes. */
import { ErofsError } from "../errors.js"

/** Which build of the core: for shared or for plain memory. */
export type Variant = "shared" | "plain"

/** Where the core comes from instead of the embedded bytes; see {@link init}. */
export interface InitOptions {
  /** Which of the two builds this is; default "shared". */
  variant?: Variant
  /** A compiled module. */
  module?: WebAssembly.Module
  /** The bytes of the module. */
  bytes?: BufferSource
  /** Where to fetch the module from. */
  url?: string | URL
}

const compiled = new Map<Variant, Promise<WebAssembly.Module>>()

/**
 * Provides a build of the core for hosts that serve the `.wasm` files themselves (they are exported as
 * `erofs-wasm/wasm/core.shared.wasm` and `core.plain.wasm`). Not needed otherwise. Call before the first pool
 * is created. Exactly one of `module`, `bytes` and `url` must be given, else EINVAL.
 */
export async function init({ variant = "shared", module, bytes, url }: InitOptions): Promise<void> {
  if ([module, bytes, url].filter((given) => given !== undefined).length !== 1) {
    throw new ErofsError("EINVAL", "init needs exactly one of module, bytes and url")
  }
  const made = module
    ? Promise.resolve(module)
    : bytes
      ? WebAssembly.compile(bytes)
      : WebAssembly.compileStreaming(fetch(url as string | URL))
  compiled.set(variant, made)
  try {
    await made
  } catch (cause) {
    compiled.delete(variant)
    throw new ErofsError("EINVAL", "the given core cannot be compiled", { cause })
  }
}

/** The compiled core for that kind of memory; compiled once, decoded from the embedded bytes without any fetch. */
export function coreModule(variant: Variant): Promise<WebAssembly.Module> {
  let module = compiled.get(variant)
  if (!module) {
    module = embedded(variant).then((base64) => WebAssembly.compile(decodeBase64(base64)))
    compiled.set(variant, module)
  }
  return module
}

/** The embedded module of a variant; only the one that is used is loaded. */
async function embedded(variant: Variant): Promise<string> {
  const { base64 } =
    variant === "shared" ? await import("./generated/shared.js") : await import("./generated/plain.js")
  return base64
}

function decodeBase64(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64)
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}
