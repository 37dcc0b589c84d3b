// SPDX-License-Identifier: MIT
/** Hosts that import `.wasm` files (workerd, bundlers) give a compiled module. */
declare module "*.wasm" {
  const module: WebAssembly.Module
  export default module
}
