// SPDX-License-Identifier: MIT
// A page that reads an image, and hands its bytes to all of the web.
import * as erofs from "/erofs/erofs-wasm.js"
import { apis, digests } from "/programs/everywhere.js"

async function run() {
  const bytes = await (await fetch("/images/four-algorithms.erofs")).arrayBuffer()
  const source = () => erofs.bufferSource(bytes)
  return {
    isIsolated: crossOriginIsolated,
    digests: await digests(erofs, source()),
    apis: await apis(erofs, source()),
    apisShared: await apis(erofs, source(), { shared: true }),
    apisPlain: await apis(erofs, source(), { shared: false }),
  }
}

globalThis.answer = run()
