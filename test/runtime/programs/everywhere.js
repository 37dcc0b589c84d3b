// SPDX-License-Identifier: MIT
// What must work wherever JavaScript runs: one program for every runtime, given the package as it was imported there.

const FILE = "/text-300k"

const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("")

/** Digest by the platform, which refuses shared memory everywhere. */
const digest = async (bytes) => hex(await crypto.subtle.digest("SHA-256", bytes))

/** SHA-256 of every regular file by its path. */
export async function digestsOf(image) {
  const found = {}
  for await (const entry of image.walk("/")) {
    if (entry.isFile()) found[entry.path] = await digest(await image.readFile(entry.path))
  }
  return found
}

/** The same of the image on a source, read through a pool of its own. */
export async function digests({ PagePool }, source, options) {
  const pool = await PagePool.create({ bytes: 1 << 20, ...options })
  const image = await pool.mount(source)
  const found = await digestsOf(image)
  await image.close()
  const { framesPinned } = pool.stats()
  return { found, isShared: pool.isShared, framesPinned }
}

/**
 * Hands bytes of one file to every web API that refuses shared memory somewhere. Answers by API the digest of what
 * came out, all of which must be the file's.
 */
export async function apis({ PagePool }, source, options) {
  const pool = await PagePool.create({ bytes: 1 << 20, ...options })
  const image = await pool.mount(source)
  const file = await image.open(FILE)
  const view = file.map()
  const bytes = await image.readFile(FILE)
  const text = (string) => digest(new TextEncoder().encode(string))
  const into = new Uint8Array(file.size)
  await file.read(into, 0)
  const found = {
    "crypto.subtle of readFile": await digest(bytes),
    "crypto.subtle of read": await digest(into),
    "crypto.subtle of view.copy": await digest(await view.copy()),
    "readFile as text": await text(await image.readFile(FILE, "utf8")),
    "TextDecoder of readFile": await text(new TextDecoder().decode(bytes)),
    "view.text": await text(await view.text()),
    "Blob of readFile": await digest(await new Blob([bytes]).arrayBuffer()),
    "Response of readFile": await digest(await new Response(bytes).arrayBuffer()),
    "Response of stream": await digest(await new Response(file.stream()).arrayBuffer()),
    "stream with the reader's buffers": await digest(await readInto(file.stream(), file.size)),
    "stream through CompressionStream": await digest(
      await new Response(
        file.stream().pipeThrough(new CompressionStream("gzip")).pipeThrough(new DecompressionStream("gzip")),
      ).arrayBuffer(),
    ),
    "content of its archive": await digest(
      contentOf(await new Response(image.tar(FILE)).arrayBuffer(), file.size),
    ),
    structuredClone: await digest(structuredClone(bytes)),
  }
  const isSharedView = !((await view.page(0)).buffer instanceof ArrayBuffer)
  view.dispose()
  await file.close()
  await image.close()
  return { found, isShared: pool.isShared, isSharedView }
}

/** Bytes of the one file in an archive: they lie at its end, before their padding and two blocks of zeros. */
function contentOf(archive, size) {
  const start = archive.byteLength - 1024 - Math.ceil(size / 512) * 512
  return archive.slice(start, start + size)
}

/** A byte stream's content by a reader that brings its own buffer. */
async function readInto(stream, size) {
  const reader = stream.getReader({ mode: "byob" })
  const whole = new Uint8Array(size)
  let buffer = new Uint8Array(60_000)
  for (let at = 0; ; ) {
    const { value, done } = await reader.read(buffer)
    if (done) return whole
    whole.set(value, at)
    at += value.length
    buffer = new Uint8Array(value.buffer)
  }
}
