// SPDX-License-Identifier: MIT
// A page that makes a pool, and says what went wrong.
import { PagePool } from "/erofs/erofs-wasm.js"

globalThis.answer = PagePool.create().then(
  () => "done",
  ({ message }) => message,
)
