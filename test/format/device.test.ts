// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest"
import { DEVICE_SLOT_SIZE, deviceIdMask, parseDeviceSlot } from "../../src/format/device.js"
import { parseSuperblock } from "../../src/format/superblock.js"
import { record } from "../support/bytes.js"
import { readFixture } from "../support/flat-image.js"

describe("device slot", () => {
  it("of an image with one further device of 20 blocks behind its only own block", () => {
    const bytes = readFixture("chunk-blobdev.erofs")
    const { extraDevices, deviceTableOffset, is48Bit } = parseSuperblock(bytes.subarray(1024))
    expect(extraDevices).toBe(1)
    expect(parseDeviceSlot(bytes.subarray(deviceTableOffset), is48Bit)).toEqual({
      tag: "",
      tagBytes: new Uint8Array(64),
      blocks: readFixture("chunk-blobdev.blob").length / 4096,
      unifiedBlock: 1,
    })
  })

  it("has high parts only with 48 bits", () => {
    const slot = record(DEVICE_SLOT_SIZE, [64, 4, 0xfffffffe], [68, 4, 7], [72, 2, 1], [74, 2, 0xffff])
    expect(parseDeviceSlot(slot, false)).toMatchObject({ blocks: 0xfffffffe, unifiedBlock: 7 })
    expect(parseDeviceSlot(slot, true)).toMatchObject({ blocks: 0x1fffffffe, unifiedBlock: 0xffff00000007 })
  })

  it("has a tag with or without terminator", () => {
    const slot = new Uint8Array(DEVICE_SLOT_SIZE).fill(0x61, 0, 64)
    expect(parseDeviceSlot(slot, false).tag).toBe("a".repeat(64))
    slot[3] = 0
    expect(parseDeviceSlot(slot, false).tag).toBe("aaa")
  })

  it("cannot be cut short", () => {
    expect(() => parseDeviceSlot(new Uint8Array(127), false)).toThrow("EUCLEAN: device table ends early")
  })
})

describe("deviceIdMask", () => {
  it.each([
    [0, 0],
    [1, 1],
    [2, 3],
    [3, 3],
    [4, 7],
    [255, 255],
    [256, 511],
    [65535, 65535],
  ])("%i devices: %i", (devices, mask) => {
    expect(deviceIdMask(devices)).toBe(mask)
  })
})
