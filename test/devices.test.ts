// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest"
import { Devices } from "../src/devices.js"
import { bufferSource } from "../src/index.js"

const bytes = (length: number, first: number) => Uint8Array.from({ length }, (_, i) => (first + i) & 0xff)

/** A primary device of 100 bytes, and two that follow it in the unified address space; the last one is not given. */
function three() {
  const counted: number[] = []
  const devices = new Devices(
    bufferSource(bytes(100, 0)),
    [
      { tag: "one", size: 50, unifiedOffset: 200, source: bufferSource(bytes(50, 100)) },
      { tag: "", size: 50, unifiedOffset: 250, source: bufferSource(bytes(40, 200)) },
      { tag: "three", size: 50, unifiedOffset: 0, source: undefined },
    ],
    (count) => counted.push(count),
  )
  const both = async (id: number, offset: number, length: number) => {
    const [now, later] = [new Uint8Array(length), new Uint8Array(length)]
    devices.readSync(id, offset, now)
    await devices.read(id, offset, later, undefined)
    expect(later).toEqual(now)
    return now
  }
  const refused = async (id: number, offset: number, length: number, message: RegExp) => {
    expect(() => devices.readSync(id, offset, new Uint8Array(length))).toThrow(message)
    await expect(devices.read(id, offset, new Uint8Array(length), undefined)).rejects.toThrow(message)
  }
  return { devices, counted, both, refused }
}

describe("devices", () => {
  it("are read by id", async () => {
    const { both, counted, devices } = three()
    expect(await both(0, 10, 5)).toEqual(bytes(5, 10))
    expect(await both(1, 10, 5)).toEqual(bytes(5, 110))
    expect(await both(2, 0, 40)).toEqual(bytes(40, 200))
    expect(counted).toEqual([5, 5, 5, 5, 40, 40])
    expect(devices.sources).toHaveLength(3)
  })

  it("are read by unified address, across the seam too", async () => {
    const { both, counted } = three()
    expect(await both(0, 200, 50)).toEqual(bytes(50, 100))
    expect(await both(0, 245, 10)).toEqual(Uint8Array.of(...bytes(5, 145), ...bytes(5, 200)))
    expect(counted).toEqual([50, 50, 5, 5, 5, 5])
  })

  it("that are missing or too short are named", async () => {
    const { refused } = three()
    await refused(3, 0, 1, /EIO: device 3 \('three'\) is needed and was not given/)
    await refused(4, 0, 1, /EUCLEAN: the image has no device 4/)
    await refused(0, 90, 11, /EIO: bytes 90 to 101 lie beyond the end of the source/)
    await refused(2, 35, 6, /EIO: bytes 35 to 41 lie beyond/)
    await refused(0, 2 ** 60, 1, /EIO/)
  })
})
