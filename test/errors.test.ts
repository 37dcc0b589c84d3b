// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest"
import { corrupted, ErofsError, isErofsError, unsupported, withDetails } from "../src/errors.js"

describe("ErofsError", () => {
  it("reads like an error of node:fs", () => {
    const error = new ErofsError("ENOENT", "no such file or directory", { syscall: "open", path: "/a b" })
    expect(error.message).toBe("ENOENT: no such file or directory, open '/a b'")
    expect(error).toMatchObject({
      code: "ENOENT",
      reason: "no such file or directory",
      syscall: "open",
      path: "/a b",
    })
    expect(error).toBeInstanceOf(Error)
    expect(String(error)).toBe("ErofsError: ENOENT: no such file or directory, open '/a b'")
  })

  it.each([
    [{}, "EIO: short read"],
    [{ syscall: "read" }, "EIO: short read, read"],
    [{ path: "/x" }, "EIO: short read, '/x'"],
    [{ nid: 36n, offset: 1024 }, "EIO: short read"],
  ])("leaves out what is not known: %o", (details, message) => {
    expect(new ErofsError("EIO", "short read", details).message).toBe(message)
  })

  it("keeps the error behind it", () => {
    const cause = new TypeError("network")
    expect(new ErofsError("EIO", "fetch failed", { cause }).cause).toBe(cause)
    expect("cause" in new ErofsError("EIO", "fetch failed")).toBe(false)
  })
})

describe("withDetails", () => {
  it("fills what is missing in the same error and rebuilds message and stack", () => {
    const error = corrupted("name is empty", { nid: 36n })
    const full = withDetails(error, { syscall: "readdir", path: "/$&", nid: 40n, offset: 12, cause: "c" })
    expect(full).toBe(error)
    expect(error.message).toBe("EUCLEAN: name is empty, readdir '/$&'")
    expect(error.stack).toContain("ErofsError: EUCLEAN: name is empty, readdir '/$&'\n")
    expect(error).toMatchObject({ nid: 36n, offset: 12, cause: "c", reason: "name is empty" })
  })

  it("does not overwrite", () => {
    const error = withDetails(unsupported("x", { syscall: "open", path: "/inner" }), {
      syscall: "read",
      path: "/",
    })
    expect((error as Error).message).toBe("ENOTSUP: x, open '/inner'")
  })

  it.each([[new RangeError("r")], ["text"], [undefined], [null]])("hands on other things: %s", (thing) => {
    expect(withDetails(thing, { path: "/x" })).toBe(thing)
  })
})

describe("isErofsError", () => {
  it("tells the class and the code", () => {
    expect(isErofsError(corrupted("x"))).toBe(true)
    expect(isErofsError(corrupted("x"), "EUCLEAN")).toBe(true)
    expect(isErofsError(unsupported("x"), "ENOTSUP")).toBe(true)
    expect(isErofsError(corrupted("x"), "ENOTSUP")).toBe(false)
    expect(isErofsError(Object.assign(new Error("x"), { code: "EUCLEAN" }))).toBe(false)
    expect(isErofsError(undefined)).toBe(false)
  })
})
