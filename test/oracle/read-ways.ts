// SPDX-License-Identifier: MIT
/** Random pieces of files, read in every way there is, against bytes that are known. */
import type { Image, OpenFile } from "../../src/index.node.js"
import type { Random } from "../support/random.js"

/** A file whose bytes are known from elsewhere. */
export interface KnownFile {
  path: string
  size: number
  /** Bytes `position` .. `position + length`, as far as the file goes. */
  read(position: number, length: number): Uint8Array
}

const PAGE = 4096
/** Lengths that something may be counted in: blocks, pages, lclusters, pclusters. */
const STEPS = [512, 1024, PAGE, 8192, 16384, 65536, 1 << 20]
const MAX_WHOLE = 4 << 20
/** Asynchronous reads that are under way at the same time. */
const CONCURRENT = 16

/** Reads `count` random pieces of the files. Answers a line for each that is not as known. */
export async function checkReads(
  image: Image,
  files: readonly KnownFile[],
  count: number,
  random: Random,
): Promise<string[]> {
  const failures: string[] = []
  const open = new Map<KnownFile, OpenFile>()
  for (let done = 0; done < count; done += CONCURRENT) {
    const batch: Promise<void>[] = []
    for (let i = 0; i < Math.min(CONCURRENT, count - done); i++) {
      const known = random.pick(files)
      let file = open.get(known)
      if (!file) {
        file = image.openSync(known.path)
        open.set(known, file)
      }
      const piece = pieceOf(known.size, random)
      batch.push(checkPiece(image, file, known, piece, random.pick(WAYS), failures))
    }
    await Promise.all(batch)
  }
  for (const file of open.values()) file.closeSync()
  return failures
}

/** A range of a file, maybe beyond its end. */
interface Piece {
  position: number
  length: number
}

interface Way {
  name: string
  /** The range that it reads instead of the one it was given. */
  clip?: (size: number, piece: Piece) => Piece
  read: (image: Image, file: OpenFile, piece: Piece) => Uint8Array | Promise<Uint8Array>
}

/** Views lie within the file and begin at a page. */
const inView = (size: number, { position, length }: Piece): Piece => {
  const from = Math.min(position, size)
  return { position: from, length: Math.min(length, size - from, 64 << 10) }
}

const whole = (size: number, piece: Piece): Piece =>
  size <= MAX_WHOLE ? { position: 0, length: size } : inView(size, piece)

const WAYS: readonly Way[] = [
  { name: "readSync", read: (_, file, piece) => readSync(file, piece) },
  {
    name: "read",
    async read(_, file, { position, length }) {
      const into = new Uint8Array(length)
      return into.subarray(0, await file.read(into, BigInt(position)))
    },
  },
  {
    name: "readFile",
    clip: whole,
    read: async (image, file, piece) =>
      file.size <= MAX_WHOLE ? await image.readFile({ nid: file.nid }) : readSync(file, piece),
  },
  {
    name: "readFileSync",
    clip: whole,
    read: (image, file, piece) =>
      file.size <= MAX_WHOLE ? image.readFileSync({ nid: file.nid }) : readSync(file, piece),
  },
  {
    name: "stream",
    async read(_, file, { position, length }) {
      const pieces: Uint8Array[] = []
      for await (const chunk of file.stream({ start: position, end: position + length })) pieces.push(chunk)
      return Buffer.concat(pieces)
    },
  },
  {
    name: "bytes",
    clip: inView,
    read: (_, file, piece) => look(file, piece, (view, from, to) => view.bytes(from, to)),
  },
  {
    name: "bytesSync",
    clip: inView,
    read: (_, file, piece) => look(file, piece, (view, from, to) => view.bytesSync(from, to)),
  },
  {
    name: "segments",
    clip: inView,
    read: (_, file, piece) =>
      look(file, piece, async (view, from, to) => Buffer.concat(await view.segments(from, to))),
  },
  {
    name: "segmentsSync",
    clip: inView,
    read: (_, file, piece) =>
      look(file, piece, (view, from, to) => Buffer.concat(view.segmentsSync(from, to))),
  },
  {
    name: "copy",
    clip: inView,
    read: (_, file, piece) => look(file, piece, (view, from, to) => view.copy(from, to)),
  },
  {
    name: "page",
    clip: inView,
    read: (_, file, piece) =>
      look(file, piece, async (view, from, to) => {
        const pages: Uint8Array[] = []
        for (let page = Math.floor(from / PAGE); page * PAGE < to; page++) {
          pages.push(page % 2 === 0 ? await view.page(page) : view.pageSync(page))
        }
        return Buffer.concat(pages).subarray(from % PAGE, (from % PAGE) + to - from)
      }),
  },
]

function readSync(file: OpenFile, { position, length }: Piece): Uint8Array {
  const into = new Uint8Array(length)
  return into.subarray(0, file.readSync(into, position))
}

/** Looks at a piece through a view that begins at its page; answers a copy. */
async function look(
  file: OpenFile,
  { position, length }: Piece,
  see: (view: ReturnType<OpenFile["map"]>, from: number, to: number) => Uint8Array | Promise<Uint8Array>,
): Promise<Uint8Array> {
  const start = Math.floor(position / PAGE) * PAGE
  const view = file.map(start, position - start + length)
  try {
    const seen = await see(view, position - start, position - start + length)
    return Uint8Array.from(seen)
  } finally {
    view.dispose()
  }
}

async function checkPiece(
  image: Image,
  file: OpenFile,
  known: KnownFile,
  asked: Piece,
  way: Way,
  failures: string[],
): Promise<void> {
  const piece = way.clip ? way.clip(known.size, asked) : asked
  const where = `${known.path} (${known.size} bytes) at ${piece.position}, ${piece.length} bytes, ${way.name}`
  try {
    const got = await way.read(image, file, piece)
    const want = known.read(piece.position, piece.length)
    if (got.length !== want.length) failures.push(`${where}: got ${got.length} bytes, want ${want.length}`)
    else if (Buffer.compare(got, want) !== 0) {
      const at = want.findIndex((byte, i) => byte !== got[i])
      failures.push(`${where}: first wrong byte at ${piece.position + at}: got ${got[at]}, want ${want[at]}`)
    }
  } catch (error) {
    failures.push(`${where}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  }
}

/** A range that likes borders, the end, and what lies beyond it. */
function pieceOf(size: number, random: Random): Piece {
  const step = random.pick(STEPS)
  const near = random.between(-3, 3)
  const choice = random.below(10)
  let position: number
  if (choice < 5) position = random.below(Math.floor(size / step) + 1) * step + near
  else if (choice < 8) position = random.below(size + 1)
  else position = size + near
  const longest = Math.min(random.pick([4, 600, 5000, 70_000, 300_000]), size + 10)
  return { position: Math.max(0, position), length: random.between(0, longest) }
}
