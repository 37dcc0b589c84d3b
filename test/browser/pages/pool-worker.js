// SPDX-License-Identifier: MIT
// A module worker that comes into the page's pool.
import * as erofs from "/erofs/erofs-wasm.js"
import { serveReader } from "/programs/sharing.js"

const serve = serveReader(erofs, (message) => postMessage(message))
globalThis.onmessage = ({ data }) => serve(data)
