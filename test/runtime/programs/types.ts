// SPDX-License-Identifier: MIT
// What a user's TypeScript makes of the package: checked, never run.
import {
  type AsyncSource,
  blobSource,
  bufferSource,
  ErofsError,
  type Image,
  isErofsError,
  openFile,
  PagePool,
  type PoolOptions,
  type SyncSource,
} from "erofs-wasm"

const options: PoolOptions = { bytes: 1 << 20, sharing: "fingerprint", shared: false }
// @ts-expect-error an option that there is not
const wrong: PoolOptions = { size: 1 }

export async function read(image: Image): Promise<string> {
  using file = image.openSync("/etc/os-release")
  using view = file.map(0, 4096)
  const page: Uint8Array = await view.page(0)
  const copy: Uint8Array<ArrayBuffer> = await view.copy(0, 10)
  const bytes: Uint8Array = await image.readFile("/etc/os-release")
  const text: string = await image.readFile("/etc/os-release", "utf8")
  const big: bigint = (await image.stat("/", { bigint: true })).ino
  const stream: ReadableStream<Uint8Array<ArrayBuffer>> = file.stream({ start: 0 })
  for await (const { path, depth } of image.walk("/", { depth: 2 })) console.log(path.length + depth)
  return [page, copy, bytes, text, big, stream, wrong].join()
}

export async function open(): Promise<Image> {
  await using pool = await PagePool.create(options)
  const sync: SyncSource = bufferSource(new Uint8Array(10))
  const async: AsyncSource = blobSource(new Blob([]))
  try {
    const mounted: Image = pool.mountSync(sync)
    return mounted ?? (await pool.mount(async))
  } catch (error) {
    if (isErofsError(error, "EINVAL") && error instanceof ErofsError) console.log(error.code, error.offset)
    return pool.mount(await openFile(new URL("file:///image.erofs")))
  }
}
