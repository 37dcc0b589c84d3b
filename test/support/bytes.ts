// SPDX-License-Identifier: MIT

/** The bytes of hexadecimal text; blanks do not count. */
export function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ""), "hex"))
}

/** A copy in shared memory, not at its beginning. */
export function shared(bytes: Uint8Array): Uint8Array {
  const room = sharedRoom(bytes.length + 24)
  const copy = new Uint8Array(room.buffer, room.byteOffset + 8, bytes.length)
  copy.set(bytes)
  return copy
}

let spare = new Uint8Array(0)

/** Fresh shared memory. Pages that are not isolated have it in WebAssembly only, where memories are few. */
function sharedRoom(length: number): Uint8Array {
  if (typeof SharedArrayBuffer !== "undefined") return new Uint8Array(new SharedArrayBuffer(length))
  if (spare.length < length) {
    const pages = Math.max(256, Math.ceil(length / 65536))
    spare = new Uint8Array(new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }).buffer)
  }
  const room = spare.subarray(0, length)
  spare = spare.subarray(Math.ceil(length / 8) * 8)
  return room
}

/** `length` zero bytes with little-endian fields: `[offset, width in bytes, value]`. */
export function record(length: number, ...fields: [number, 1 | 2 | 4 | 8, number | bigint][]): Uint8Array {
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  for (const [at, width, value] of fields) {
    if (width === 8) view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true)
    else if (width === 4) view.setUint32(at, Number(value), true)
    else if (width === 2) view.setUint16(at, Number(value), true)
    else view.setUint8(at, Number(value))
  }
  return bytes
}
