// SPDX-License-Identifier: MIT
// The README's ten lines for a file picker.
import { blobSource, PagePool } from "/erofs/erofs-wasm.js"

const input = document.body.appendChild(document.createElement("input"))
input.type = "file"

const pool = await PagePool.create({ bytes: 64 * 1024 * 1024 })
globalThis.answer = new Promise((resolve, reject) => {
  input.onchange = async () => {
    try {
      const image = await pool.mount(blobSource(input.files[0]))
      const names = []
      for await (const entry of image.walk("/", { depth: 1 })) names.push(entry.path)
      resolve({ names, text: await image.readFile("/text-16k", "utf8") })
    } catch (error) {
      reject(error)
    }
  }
})
