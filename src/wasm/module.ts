// SPDX-License-Identifier: MIT
/** The core's two modules: embedded in the package, or handed in by whoever may not compile from bytes. */
import { ErofsError } from "../errors.js"
import { checkOptions } from "../options.js"

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
/** Builds that were handed in. Pools use those rather than the embedded ones, unless told otherwise. */
const provided = new Set<Variant>()

/**
 * Provides a build of the core for hosts that serve the `.wasm` files themselves (they are exported as
 * `erofs-wasm/wasm/core.shared.wasm` and `core.plain.wasm`). Not needed otherwise. Call before the first pool
 * is created; pools are made for the kind of memory that was provided, if it was only one. Exactly one of `module`,
 * `bytes` and `url` must be given, else EINVAL. Throws EINVAL too for what is not that build of the core, EIO if it
 * cannot be fetched.
 */
export async function init(options: InitOptions): Promise<void> {
  checkOptions(options, ["variant", "module", "bytes", "url"])
  const { variant = "shared", module, bytes, url } = options
  if ([module, bytes, url].filter((given) => given !== undefined).length !== 1) {
    throw new ErofsError("EINVAL", "init needs exactly one of module, bytes and url")
  }
  const made = module ?? (await compile(bytes ?? (await download(url as string | URL))))
  requireVariant(made, variant)
  provideModule(variant, made)
}

/** Sets a build of the core that is known to be the right one. */
export function provideModule(variant: Variant, module: WebAssembly.Module): void {
  compiled.set(variant, Promise.resolve(module))
  provided.add(variant)
}

/** The kind of memory for pools that do not say: what was provided, else shared memory where there is such a thing. */
export function defaultVariant(): Variant {
  const [only] = provided
  if (only !== undefined && provided.size === 1) return only
  return typeof SharedArrayBuffer === "undefined" ? "plain" : "shared"
}

/** The compiled core for that kind of memory; compiled once, decoded from the embedded bytes without any fetch. */
export function coreModule(variant: Variant): Promise<WebAssembly.Module> {
  let module = compiled.get(variant)
  if (!module) {
    module = compileEmbedded(variant)
    compiled.set(variant, module)
    // What failed may work later: the part of the package could not be loaded.
    module.catch(() => compiled.delete(variant))
  }
  return module
}

/** The embedded module of a variant; only the one that is used is loaded. Its bytes are good: who refuses is the host. */
async function compileEmbedded(variant: Variant): Promise<WebAssembly.Module> {
  const { base64 } =
    variant === "shared" ? await import("./generated/shared.js") : await import("./generated/plain.js")
  try {
    return await WebAssembly.compile(await inflate(decodeBase64(base64)))
  } catch (cause) {
    const way = "allow 'wasm-unsafe-eval' in its Content-Security-Policy, or give the core by init()"
    throw new ErofsError("ENOTSUP", `this host compiles no WebAssembly (${reasonOf(cause)}): ${way}`, {
      cause,
    })
  }
}

/** Compiles bytes, not as a stream: servers give `.wasm` files all kinds of types. */
async function compile(bytes: BufferSource): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes)
  } catch (cause) {
    throw new ErofsError("EINVAL", `the core cannot be compiled: ${reasonOf(cause)}`, { cause })
  }
}

async function download(url: string | URL): Promise<ArrayBuffer> {
  try {
    const response = await fetch(url)
    if (response.ok) return await response.arrayBuffer()
    throw new Error(`status ${response.status}`)
  } catch (cause) {
    throw new ErofsError("EIO", `the core cannot be fetched from ${url}: ${reasonOf(cause)}`, { cause })
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

/** Throws EINVAL for a module that does not work on that kind of memory. */
function requireVariant(module: WebAssembly.Module, variant: Variant): void {
  try {
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared: variant === "shared" })
    const { exports } = new WebAssembly.Instance(module, { env: { memory } })
    if (typeof exports.createPool === "function") return
  } catch (cause) {
    throw new ErofsError("EINVAL", `the module given is not the core for ${variant} memory`, { cause })
  }
  throw new ErofsError("EINVAL", "the module given is not the core of erofs-wasm")
}

function decodeBase64(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64)
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

/** What of `node:zlib` is used where there is such a thing. */
interface Zlib {
  inflateRawSync(bytes: Uint8Array): Uint8Array<ArrayBuffer>
}

/** Raw DEFLATE. Node, Deno and Bun do it at once; loading Web streams would take Node longer than all the rest. */
async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const host = globalThis as { process?: { getBuiltinModule?(name: string): unknown } }
  const zlib = host.process?.getBuiltinModule?.("zlib") as Zlib | undefined
  if (zlib) return zlib.inflateRawSync(bytes)
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}
