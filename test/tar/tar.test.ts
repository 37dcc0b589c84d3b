// SPDX-License-Identifier: MIT
/** image.tar: order, names, streams, what ends them, and what damage does. */
import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import {
  bufferSource,
  type Image,
  isErofsError,
  loadTar,
  PagePool,
  type Source,
  type TarProgress,
} from "../../src/index.js"
import { type BuildNode, buildImage, directory, file, special, symlink } from "../support/build-image.js"
import { sample } from "../support/samples.js"
import { type ReadMember, readTar, xattrsOf } from "../support/tar.js"

const PAGE = 4096

beforeAll(loadTar)

async function mount(root: BuildNode, damage: (image: Buffer) => void = () => {}): Promise<Image> {
  const image = Buffer.from(buildImage(root))
  damage(image)
  return mountSource(bufferSource(image))
}

async function mountSource(source: Source): Promise<Image> {
  const pool = await PagePool.create({ bytes: 1 << 20 })
  return pool.mount(source)
}

/** A source of bytes that answers later, and what was asked of it. */
function slowSource(bytes: Uint8Array, isStuck: (offset: number) => boolean = () => false) {
  const reads: number[] = []
  const aborted: unknown[] = []
  return {
    size: bytes.length,
    reads,
    aborted,
    read(
      target: Uint8Array,
      offset: number,
      { signal }: { signal?: AbortSignal | undefined },
    ): Promise<number> {
      reads.push(offset)
      if (isStuck(offset)) {
        return new Promise((_, reject) => {
          const onAbort = (): void => {
            aborted.push(signal?.reason)
            reject(signal?.reason)
          }
          signal?.addEventListener("abort", onAbort)
        })
      }
      const piece = bytes.subarray(offset, offset + target.length)
      target.set(piece)
      return Promise.resolve(piece.length)
    },
  }
}

/** A source that cannot read some pages of the device. */
function brokenSource(bytes: Uint8Array, pages: ReadonlySet<number>): Source {
  const source = bufferSource(bytes)
  return {
    size: source.size,
    readSync(target, offset) {
      for (let at = offset; at < offset + target.length; at++) {
        if (pages.has(Math.floor(at / PAGE))) throw new Error(`page ${Math.floor(at / PAGE)} is gone`)
      }
      return source.readSync(target, offset)
    },
  }
}

async function collect(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces)
}

const pathsOf = (members: readonly ReadMember[]): string[] => members.map(({ path }) => path)
const tarOf = (image: Image, ...rest: Parameters<Image["tarSync"]>): ReadMember[] =>
  readTar(Buffer.concat([...image.tarSync(...rest)]))

const tree = directory({
  a: directory({ x: file("ax"), y: directory({ z: file("ayz") }) }),
  "a!": directory({ p: file("") }),
  "a.b": file("a.b"),
  a0: file("a0"),
  b: symlink("a/x"),
})

describe("members", () => {
  it("come in the order of their names' bytes, and all of a directory behind it", async () => {
    expect(pathsOf(tarOf(await mount(tree)))).toEqual([
      ".",
      "a",
      "a/x",
      "a/y",
      "a/y/z",
      "a!",
      "a!/p",
      "a.b",
      "a0",
      "b",
    ])
  })

  it("do so in any tree", async () => {
    const names = fc.string({
      unit: fc.constantFrom("a", "b", "!", ".x", "0", "ü", "\x01"),
      minLength: 1,
      maxLength: 3,
    })
    const { tree } = fc.letrec<{ tree: BuildNode; node: BuildNode }>((tie) => ({
      node: fc.oneof({ maxDepth: 4 }, fc.constant(file("x")), tie("tree")),
      tree: fc
        .dictionary(names, tie("node"), { maxKeys: 5, noNullPrototype: true })
        .map((entries) => directory(entries)),
    }))
    await fc.assert(
      fc.asyncProperty(tree, async (root) => {
        using image = await mount(root)
        // The slash sorts before all that names hold.
        const paths = pathsOf(tarOf(image)).map((path) => (path === "." ? "" : path.replaceAll("/", "\0")))
        expect(paths).toEqual([...paths].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
        let count = 0
        for (const _ of image.walkSync("/")) count++
        expect(paths.length).toBe(count)
      }),
    )
  })

  it("are named as seen from the path", async () => {
    const image = await mount(tree)
    expect(pathsOf(tarOf(image, "/a"))).toEqual([".", "x", "y", "y/z"])
    expect(pathsOf(tarOf(image, "/a/y/"))).toEqual([".", "z"])
    expect(pathsOf(tarOf(image, Buffer.from("/a/x")))).toEqual(["x"])
    expect(tarOf(image, "/b")).toMatchObject([{ path: "b", type: "2", link: "a/x" }])
    expect(() => tarOf(image, "/none")).toThrow("ENOENT: no such file or directory, tar '/none'")
  })

  it("lie in a prefix if there is one, and hard links know it", async () => {
    const twice = file("twice")
    const image = await mount(directory({ d: directory({ one: twice, two: twice }) }))
    const members = tarOf(image, "/d", { prefix: "usr/lib/" })
    expect(members.map(({ path, type, link }) => [path, type, link])).toEqual([
      ["usr/lib", "5", ""],
      ["usr/lib/one", "0", ""],
      ["usr/lib/two", "1", "usr/lib/one"],
    ])
    expect(() => tarOf(image, "/", { prefix: "\0" })).toThrow("EINVAL")
    for (const prefix of ["/", "/usr", "..", "../x", "a/../..", "a/.."]) {
      expect(() => tarOf(image, "/", { prefix }), prefix).toThrow("EINVAL")
    }
    expect(tarOf(image, "/", { prefix: "..a/b.." })[0]?.path).toBe("..a/b..")
    expect(() => tarOf(image, "/", { prefix: "\ud800" })).toThrow("EINVAL")
  })

  it("keep attributes with any bytes, if wanted", async () => {
    const xattrs = { "user.a=b": Uint8Array.of(0, 10, 61, 255), "trusted.%3D": "\n", "user.z": "" }
    const image = await mount(directory({ f: file("", { xattrs }) }))
    const base64 = { "trusted.%3D": "Cg==", "user.a=b": "AAo9/w==", "user.z": "" }
    expect(tarOf(image).map(xattrsOf)).toEqual([{}, base64])
    expect(tarOf(image, "/", { xattrs: false }).map(xattrsOf)).toEqual([{}, {}])
  })

  it("are not those that are filtered out, nor sockets", async () => {
    const image = await mount(directory({ d: directory({ x: file("") }), f: file(""), s: special("socket") }))
    const skipped: string[] = []
    const filter = ({ name }: { name: string }): boolean => name !== "d"
    const members = tarOf(image, "/", { filter, onSkip: ({ path }) => skipped.push(path) })
    expect([pathsOf(members), skipped]).toEqual([[".", "f"], ["/s"]])
    expect(pathsOf(tarOf(image, "/s"))).toEqual([])
  })

  it("may be larger than 8 GiB", async () => {
    const size = 2n ** 33n + 1n
    const bytes = buildImage(directory({ big: file("", { size, isInline: false, startBlock: 99 }) }))
    const { readSync } = bufferSource(bytes)
    // Zeros behind the image.
    const image = await mountSource({
      size: 2 ** 34,
      readSync(target, offset) {
        target.fill(0)
        readSync(target, offset)
        return target.length
      },
    })
    const reader = image.tar("/big").getReader()
    const { value } = await reader.read()
    await reader.cancel()
    const head = Buffer.from(value as Uint8Array)
    expect(head.toString("latin1")).toContain(`size=${size}\n`)
    expect(head.subarray(1536).every((byte) => byte === 0)).toBe(true)
  })
})

describe("the stream", () => {
  it("gives what the pieces give, in ordinary memory", async () => {
    const image = await mount(directory({ f: file(sample("words", 700_000, 1)), g: file("g") }))
    const pieces = [...image.tarSync("/")]
    const whole = Buffer.concat(pieces)
    expect(pieces.map(({ length }) => length)).toEqual([262144, 262144, 703488 - 2 * 262144])
    for await (const piece of image.tar()) expect(piece.buffer).toBeInstanceOf(ArrayBuffer)
    expect((await collect(image.tar())).equals(whole)).toBe(true)
    expect(readTar(whole)[1]?.content.equals(Buffer.from(sample("words", 700_000, 1)))).toBe(true)
    const reader = image.tar().getReader({ mode: "byob" })
    const small: Uint8Array[] = []
    for (let length = 1; ; length += 997) {
      const { value, done } = await reader.read(new Uint8Array(length))
      if (done) break
      small.push(value)
    }
    expect(Buffer.concat(small).equals(whole)).toBe(true)
  })

  it("reads nothing before it is asked, and no more than it is asked for", async () => {
    const content = sample("noise", 3 << 20, 1)
    const source = slowSource(buildImage(directory({ f: file(content) })))
    const image = await mountSource(source)
    const before = source.reads.length
    const stream = image.tar()
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(source.reads.length).toBe(before)
    const reader = stream.getReader()
    await reader.read()
    await new Promise((resolve) => setTimeout(resolve, 10))
    // One piece, with what the pool reads ahead.
    expect(Math.max(...source.reads)).toBeLessThan(2 << 20)
    await reader.cancel()
    await image.close()
  })

  it("ends when it is cancelled: the source is told, and nothing is held", async () => {
    const bytes = buildImage(directory({ f: file(sample("noise", 1 << 20, 1)) }))
    let isStuck = false
    const source = slowSource(bytes, () => isStuck)
    const image = await mountSource(source)
    const reader = image.tar().getReader()
    await reader.read()
    isStuck = true
    const read = reader.read()
    await new Promise((resolve) => setTimeout(resolve, 10))
    await reader.cancel("enough")
    expect(await read).toEqual({ value: undefined, done: true })
    expect(source.aborted).toEqual(["enough"])
    await image.close()
  })

  it("ends when the signal is aborted, asked for or not", async () => {
    const bytes = buildImage(directory({ f: file(sample("noise", 1 << 20, 1)) }))
    let isStuck = false
    const source = slowSource(bytes, () => isStuck)
    const image = await mountSource(source)
    const controller = new AbortController()
    const [waiting, idle] = [0, 1].map(() => image.tar("/", { signal: controller.signal }).getReader())
    await waiting?.read()
    await idle?.read()
    isStuck = true
    const read = waiting?.read()
    await new Promise((resolve) => setTimeout(resolve, 10))
    const reason = new Error("called off")
    controller.abort(reason)
    await expect(read).rejects.toBe(reason)
    await expect(idle?.read()).rejects.toBe(reason)
    await expect(collect(image.tar("/", { signal: controller.signal }))).rejects.toBe(reason)
    // Not an error of the image: nobody is told who wants to go on behind those.
    const errors: unknown[] = []
    const { signal } = controller
    await expect(collect(image.tar("/", { signal, onError: (error) => errors.push(error) }))).rejects.toBe(
      reason,
    )
    expect(errors).toEqual([])
    await image.close()
  })

  it("fails when the image is closed under it", async () => {
    const image = await mount(directory({ f: file(sample("noise", 1 << 20, 1)) }))
    const reader = image.tar().getReader()
    await reader.read()
    await image.close()
    await expect(reader.read()).rejects.toThrow("EBADF: the image is closed, tar '/'")
  })

  it("tells how far it is", async () => {
    const image = await mount(directory({ f: file(sample("noise", 600_000, 1)), s: special("socket") }))
    const seen: TarProgress[] = []
    const whole = await collect(image.tar("/", { onProgress: (progress) => seen.push(progress) }))
    expect(seen).toEqual([
      { entries: 2, bytes: 262144, path: "/f" },
      { entries: 2, bytes: 524288, path: "/f" },
      { entries: 3, bytes: whole.length, path: "/s" },
    ])
  })

  it("knows its options", async () => {
    const image = await mount(tree)
    expect(() => image.tar("/", { gzip: true } as object)).toThrow("ENOTSUP: option 'gzip' is not supported")
    expect(() => image.tarSync("/", { gzip: true } as object).next()).toThrow("ENOTSUP")
  })
})

describe("damage", () => {
  /** An image of one file, and where on the device its pages lie. */
  function onePages(count: number) {
    const content = Buffer.from(sample("noise", count * PAGE - 100, 3))
    const bytes = buildImage(directory({ after: file("after"), f: file(content) }))
    return { content, bytes, first: bytes.length / PAGE - count }
  }

  const codeOf = (error: unknown): string => (isErofsError(error) ? error.code : String(error))

  it("of a file ends the archive, saying where", async () => {
    const { bytes, first } = onePages(5)
    const image = await mountSource(brokenSource(bytes, new Set([first + 2])))
    await expect(collect(await image.tar())).rejects.toMatchObject({
      code: "EIO",
      path: "/f",
      syscall: "tar",
    })
    expect(() => tarOf(image)).toThrow("EIO: reading the image failed")
    image.closeSync()
  })

  it("of a file becomes zeros if the archive is to go on; the rest is as it was", async () => {
    const { bytes, first, content } = onePages(150)
    const image = await mountSource(brokenSource(bytes, new Set([first + 2, first + 70, first + 149])))
    const errors: [string, string][] = []
    const members = tarOf(image, "/", { onError: (error, path) => errors.push([codeOf(error), path]) })
    for (const page of [2, 70, 149]) content.subarray(page * PAGE, (page + 1) * PAGE).fill(0)
    expect(members.map(({ path }) => path)).toEqual([".", "after", "f"])
    expect(members[2]?.content.equals(content)).toBe(true)
    expect(errors).toEqual([1, 2, 3].map(() => ["EIO", "/f"]))
  })

  it("of many pages in a row costs few attempts and at most as many pages behind them", async () => {
    const { bytes, first, content } = onePages(1000)
    const broken = new Set(Array.from({ length: 300 }, (_, i) => first + 100 + i))
    let attempts = 0
    const source = brokenSource(bytes, broken)
    const image = await mountSource({
      size: source.size,
      readSync(target, offset) {
        attempts++
        return (source as { readSync(target: Uint8Array, offset: number): number }).readSync(target, offset)
      },
    })
    const errors: string[] = []
    const [, , member] = tarOf(image, "/", { onError: (error) => errors.push(codeOf(error)) })
    expect(errors).toEqual(["EIO"])
    expect(attempts).toBeLessThan(100)
    const read = member?.content as Buffer
    expect(read.subarray(0, 100 * PAGE).equals(content.subarray(0, 100 * PAGE))).toBe(true)
    expect(read.subarray(100 * PAGE, 400 * PAGE).every((byte) => byte === 0)).toBe(true)
    expect(read.subarray(700 * PAGE).equals(content.subarray(700 * PAGE))).toBe(true)
  })

  it("of what is known before a member begins leaves it out", async () => {
    const root = directory({
      gone: file("x", { isInline: false, startBlock: 999 }),
      huge: file("x", { size: 2n ** 62n }),
      late: file("late"),
      link: symlink(""),
    })
    const image = await mount(root)
    const errors: [string, string][] = []
    const members = tarOf(image, "/", { onError: (error, path) => errors.push([codeOf(error), path]) })
    expect(members.map(({ path, size }) => [path, size])).toEqual([
      [".", 0],
      ["gone", 1],
      ["late", 4],
    ])
    expect(members[1]?.content).toEqual(Buffer.from([0]))
    expect(errors).toEqual([
      ["EIO", "/gone"],
      ["EOVERFLOW", "/huge"],
      ["EUCLEAN", "/link"],
    ])
    expect(() => tarOf(image, "/huge")).toThrow("EOVERFLOW")
    expect(() => tarOf(image, "/link")).toThrow("EUCLEAN: target of a symbolic link is empty, tar '/link'")
  })

  it("of attributes leaves a member without them", async () => {
    const root = directory({ f: file("content", { xattrs: { "user.note": "value" } }) })
    // The length of the value, in front of the name.
    const image = await mount(root, (bytes) => bytes.writeUInt16LE(60000, bytes.indexOf("notevalue") - 2))
    expect(() => tarOf(image)).toThrow("EUCLEAN")
    const errors: [string, string][] = []
    const members = tarOf(image, "/", { onError: (error, path) => errors.push([codeOf(error), path]) })
    expect(members[1]).toMatchObject({ path: "f", content: Buffer.from("content"), pax: new Map() })
    expect(errors).toEqual([["EUCLEAN", "/f"]])
    expect(tarOf(image, "/", { xattrs: false }).length).toBe(2)
  })

  it("of attribute names that contain NUL is told, not passed on", async () => {
    const image = await mount(directory({ f: file("", { xattrs: { "user.a\0b": "v" } }) }))
    expect(() => tarOf(image)).toThrow("EUCLEAN: name of an extended attribute contains a NUL byte, tar '/f'")
  })

  it("of a directory leaves out what is in it", async () => {
    const root = directory({ bad: directory({ lost: file("lost") }), good: file("good") })
    const image = await mount(root, (bytes) => bytes.write("l/st", bytes.indexOf("..lost") + 2))
    expect(() => tarOf(image)).toThrow("EUCLEAN")
    const errors: [string, string][] = []
    const members = tarOf(image, "/", { onError: (error, path) => errors.push([codeOf(error), path]) })
    expect([pathsOf(members), errors]).toEqual([[".", "bad", "good"], [["EUCLEAN", "/bad"]]])
  })
})
