// SPDX-License-Identifier: MIT
/** The parts of the browsers' storage that are used here, after the standards; real browsers have their own tests. */

/** The Cache API: `caches`. */
export class FakeCaches {
  readonly #caches = new Map<string, FakeCache>()

  async open(name: string): Promise<FakeCache> {
    const cache = this.#caches.get(name) ?? new FakeCache()
    this.#caches.set(name, cache)
    return cache
  }
}

class FakeCache {
  readonly #responses = new Map<string, { bytes: ArrayBuffer; headers: Headers }>()

  async keys(): Promise<{ url: string }[]> {
    return [...this.#responses.keys()].map((url) => ({ url }))
  }

  async match(url: string): Promise<Response | undefined> {
    const found = this.#responses.get(url)
    return found && new Response(found.bytes.slice(0), { headers: found.headers })
  }

  async put(url: string, response: Response): Promise<void> {
    this.#responses.set(new URL(url).href, { bytes: await response.arrayBuffer(), headers: response.headers })
  }

  async delete(url: string): Promise<boolean> {
    return this.#responses.delete(url)
  }
}

class FakeFile {
  readonly kind = "file"
  bytes = new Uint8Array(0)
  lastModified = 0

  async getFile(): Promise<unknown> {
    const { bytes, lastModified } = this
    return { size: bytes.length, lastModified, arrayBuffer: async () => bytes.slice().buffer }
  }

  set(bytes: Uint8Array): void {
    this.bytes = bytes.slice()
    this.lastModified = ++FakeFile.clock
  }

  static clock = 0
}

/** A file that can be replaced as a whole: what was written counts once the stream is closed. */
class WritableFile extends FakeFile {
  async createWritable(): Promise<unknown> {
    const pieces: Uint8Array[] = []
    return {
      write: async (piece: Uint8Array) => void pieces.push(piece.slice()),
      close: async () => this.set(new Uint8Array(Buffer.concat(pieces))),
    }
  }
}

/** A file of browsers where only workers can write. */
class AccessibleFile extends FakeFile {
  async createSyncAccessHandle(): Promise<unknown> {
    return {
      truncate: (size: number) => this.set(this.bytes.subarray(0, size)),
      write: (bytes: Uint8Array, { at }: { at: number }) => {
        const all = new Uint8Array(Math.max(this.bytes.length, at + bytes.length))
        all.set(this.bytes)
        all.set(bytes, at)
        this.set(all)
        return bytes.length
      },
      flush() {},
      close() {},
    }
  }
}

/** A directory of the private file system. */
export class FakeDirectory {
  readonly kind = "directory"
  readonly #children = new Map<string, FakeFile | FakeDirectory>()
  readonly #isWritable: boolean

  constructor(isWritable: boolean) {
    this.#isWritable = isWritable
  }

  async getDirectoryHandle(name: string): Promise<FakeDirectory> {
    const known = this.#children.get(name)
    const child = known instanceof FakeDirectory ? known : new FakeDirectory(this.#isWritable)
    this.#children.set(name, child)
    return child
  }

  async getFileHandle(name: string, { create = false } = {}): Promise<FakeFile> {
    const known = this.#children.get(name)
    if (known instanceof FakeFile) return known
    if (!create) throw new DOMException("no such file", "NotFoundError")
    const file = this.#isWritable ? new WritableFile() : new AccessibleFile()
    this.#children.set(name, file)
    return file
  }

  async *entries(): AsyncGenerator<[string, FakeFile | FakeDirectory]> {
    yield* this.#children
  }

  async removeEntry(name: string): Promise<void> {
    if (!this.#children.delete(name)) throw new DOMException("no such entry", "NotFoundError")
  }
}
