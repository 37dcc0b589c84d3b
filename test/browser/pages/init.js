// SPDX-License-Identifier: MIT
// A page whose host serves the core itself.
import { init, PagePool } from "/erofs/erofs-wasm.js"

const codeOf = (promise) =>
  promise.then(
    () => "none",
    ({ code, message }) => `${code} ${message}`,
  )

async function run() {
  const errors = [
    await codeOf(init({ variant: "plain", url: "/erofs/none.wasm" })),
    await codeOf(init({ variant: "shared", url: "/wasm/core.plain.wasm" })),
    await codeOf(init({ variant: "plain", bytes: new Uint8Array(100) })),
  ]
  await init({ variant: "plain", url: "/wasm/core.plain.wasm" })
  return { errors, isShared: (await PagePool.create()).isShared }
}

globalThis.answer = run()
