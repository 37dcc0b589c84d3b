// SPDX-License-Identifier: MIT
/** Laying the metabox of an image bare. */
import { bufferSource, PagePool } from "../../src/index.js"
import { fixChecksum } from "./checksum.js"

const FORMAT_LAYOUT_MASK = 0x0e

/**
 * The same image with the content of its metabox as a plain run of blocks at the end, if it has a metabox that is
 * compressed: then its bytes are those of the inodes. Images without one come back as they are.
 */
export async function unpackMetabox(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const pool = await PagePool.create({ bytes: 8 << 20, shared: false })
  // The devices that may be missing hold no metadata.
  const image = await pool.mount(bufferSource(bytes))
  try {
    const { metaboxNid, blockSize } = image.superblock
    if (metaboxNid === undefined) return bytes
    const target = { nid: BigInt(metaboxNid) }
    const { layout, position } = await image.describe(target)
    if (layout === "flat-plain") return bytes
    const content = await image.readFile(target)
    const start = Math.ceil(bytes.length / blockSize)
    const bare = new Uint8Array((start + Math.ceil(content.length / blockSize)) * blockSize)
    bare.set(bytes)
    bare.set(content, start * blockSize)
    const view = new DataView(bare.buffer)
    const format = view.getUint16(position, true)
    view.setUint16(position, format & ~FORMAT_LAYOUT_MASK, true)
    view.setUint16(position + 6, (format & 1) === 0 ? 1 : 0, true)
    view.setUint32(position + 16, start, true)
    fixChecksum(bare)
    return bare
  } finally {
    await pool.close()
  }
}
