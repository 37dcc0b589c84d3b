// SPDX-License-Identifier: MIT
// A user's worker for workerd (Cloudflare Workers), which compiles no WebAssembly from bytes. The image is a module, too.

import * as erofs from "erofs-wasm"
import { apis, digests } from "./everywhere.js"
import image from "./images/four-algorithms.erofs"

const attempt = (promise) =>
  promise.then(
    () => "none",
    ({ message }) => message,
  )

export default {
  async fetch() {
    return Response.json({
      digests: await digests(erofs, erofs.bufferSource(image)),
      apis: await apis(erofs, erofs.bufferSource(image)),
      shared: await attempt(erofs.PagePool.create({ shared: true })),
    })
  },
}
