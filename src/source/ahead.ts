// SPDX-License-Identifier: MIT
/** Bytes that are fetched before they are read, because somebody said that they will be. */

/** Bytes fetched at once, at most, and bytes that are held or on their way. */
const MAX_PIECE = 1 << 20
const MAX_HELD = 12 << 20
/** Bytes of which is known whether they have been read. */
const PAGE = 4096
/** Pieces that are: others have to get their requests through, too. */
const MAX_PIECES = 32
/** Ranges that wait to be fetched; more are forgotten. */
const MAX_WAITING = 4096
/** Bytes that nobody spoke of and that are fetched all the same where they lie between two ranges. */
const GAP = 16 << 10
/** Bytes that may lie behind the reader: reads need not come in the very order in which they were announced. */
const MAX_BEHIND = 4 << 20
/** Pieces that are kept though they have been read. */
const MAX_READ = 8
/** Reads in a row of what was announced and is not held, after which what is held counts as left behind. */
const MAX_MISSED = 16

/** Fills `target` with the bytes from `offset` on; given up once the signal is aborted. */
export type Fetch = (target: Uint8Array, offset: number, signal: AbortSignal) => Promise<number>

/** A row of bytes that were fetched, or are being fetched. */
interface Piece {
  start: number
  end: number
  /** That it was announced with. */
  signal: AbortSignal | undefined
  /** Calls its fetch off. */
  stop: AbortController
  bytes: Uint8Array
  /** Fulfilled with whether they came. */
  arrival: Promise<boolean>
  /** Which of its pages have been read, and how many have not. */
  pages: Uint8Array
  left: number
}

/**
 * Fetches ranges in the order in which they are announced, as far ahead of whoever reads them as it may hold bytes. What
 * has been read is let go; so is what the reader has left behind, and what he does not want any more. Failures are not told
 * here: who reads such bytes fetches them himself. Nor is anything fetched after one until more is announced.
 */
export class Ahead {
  readonly #fetch: Fetch
  #waiting: { start: number; end: number; signal: AbortSignal | undefined }[] = []
  /** In the order in which they were announced. */
  #pieces: Piece[] = []
  /** Pieces that have been read to their end, the last ones: what lies there may be read again in part. */
  #read: Piece[] = []
  /** Reads in a row that were announced, but not held yet. */
  #missed = 0
  /** Signals that are listened to. */
  readonly #signals = new WeakSet<AbortSignal>()

  constructor(fetch: Fetch) {
    this.#fetch = fetch
  }

  /** Announces bytes `start` to before `end`. They are forgotten once the signal is aborted. */
  expect(start: number, end: number, signal?: AbortSignal): void {
    if (signal?.aborted) return
    if (signal) this.#listen(signal)
    const last = this.#waiting.at(-1)
    const isNeighbour = last && start >= last.start && start <= last.end + GAP
    if (isNeighbour && last.signal === signal) last.end = Math.max(last.end, end)
    else if (this.#waiting.length < MAX_WAITING) this.#waiting.push({ start, end, signal })
    // Those who are announced in one go are fetched together.
    queueMicrotask(() => this.#fetchMore())
  }

  /** Copies what is held, or on its way, of the bytes from `offset` on. Answers how many, from the first one on. */
  async read(target: Uint8Array, offset: number, signal: AbortSignal | undefined): Promise<number> {
    let done = 0
    while (done < target.length) {
      const at = offset + done
      const holds = ({ start, end }: Piece): boolean => start <= at && at < end
      const piece = this.#pieces.find(holds) ?? this.#read.find(holds)
      if (!piece) this.#noteMiss(at)
      if (!piece || !(await unlessAborted(piece.arrival, signal))) return done
      this.#missed = 0
      const part = piece.bytes.subarray(at - piece.start).subarray(0, target.length - done)
      target.set(part, done)
      done += part.length
      noteRead(piece, at - piece.start, part.length)
      this.#letGo(piece)
    }
    return done
  }

  /** Lets go of everything. Fetches that are under way are for others to call off. */
  close(): void {
    this.#waiting = []
    this.#pieces = []
    this.#read = []
  }

  #listen(signal: AbortSignal): void {
    if (this.#signals.has(signal)) return
    this.#signals.add(signal)
    signal.addEventListener("abort", () => this.#forget(signal), { once: true })
  }

  /** Lets go of what was announced with a signal: others get its room. */
  #forget(signal: AbortSignal): void {
    const isWanted = (one: { signal: AbortSignal | undefined }): boolean => one.signal !== signal
    this.#waiting = this.#waiting.filter(isWanted)
    this.#callOff((piece) => !isWanted(piece))
    this.#read = this.#read.filter(isWanted)
    this.#fetchMore()
  }

  /** Goes on from where the reader is, if that is beyond what is held: nobody comes back for that. */
  #noteMiss(at: number): void {
    const place = this.#waiting.findIndex(({ start, end }) => start <= at && at < end)
    if (place < 0 || ++this.#missed < MAX_MISSED) return
    this.#missed = 0
    this.#waiting.splice(0, place)
    const [next] = this.#waiting
    if (next) next.start = at
    this.#callOff(() => true)
    this.#fetchMore()
  }

  /** Lets go of pieces, also of those that are on their way. */
  #callOff(isUnwanted: (piece: Piece) => boolean): void {
    const pieces = this.#pieces
    this.#pieces = pieces.filter((piece) => !isUnwanted(piece))
    for (const piece of pieces) if (isUnwanted(piece)) piece.stop.abort()
  }

  /** Lets a piece go that has been read, and those that were left behind. */
  #letGo(used: Piece): void {
    const at = this.#pieces.indexOf(used)
    if (at < 0) return
    const isRead = ({ left }: Piece): boolean => left === 0
    let behind = 0
    const isLeft = (piece: Piece, i: number): boolean => {
      if (i > at || isRead(piece)) return i <= at
      if (i < at) behind += piece.bytes.length
      return behind > MAX_BEHIND
    }
    // From the reader backwards.
    const left = this.#pieces
      .map((piece, i) => ({ piece, i }))
      .reverse()
      .filter(({ piece, i }) => isLeft(piece, i))
      .map(({ piece }) => piece)
      .reverse()
    if (left.length === 0) return
    this.#pieces = this.#pieces.filter((piece) => !left.includes(piece))
    this.#read = [...this.#read, ...left.filter(isRead)].slice(-MAX_READ)
    this.#fetchMore()
  }

  get #hasRoom(): boolean {
    const held = this.#pieces.reduce((sum, { bytes }) => sum + bytes.length, 0)
    return held < MAX_HELD && this.#pieces.length < MAX_PIECES
  }

  #fetchMore(): void {
    for (let next = this.#waiting[0]; next && this.#hasRoom; next = this.#waiting[0]) {
      const { start, signal } = next
      const end = Math.min(next.end, start + MAX_PIECE)
      next.start = end
      if (next.start >= next.end) this.#waiting.shift()
      if (end > start) this.#start(start, end, signal)
    }
  }

  #start(start: number, end: number, signal: AbortSignal | undefined): void {
    const bytes = new Uint8Array(end - start)
    const pages = new Uint8Array(Math.ceil(bytes.length / PAGE))
    // Of its own: many listeners to one signal are taken for a leak.
    const stop = new AbortController()
    const arrival = Promise.resolve(true)
    const piece = { start, end, signal, stop, bytes, pages, left: pages.length, arrival }
    piece.arrival = this.#fetch(bytes, start, stop.signal)
      .then(
        (count) => count === bytes.length,
        () => false,
      )
      .then((hasCome) => {
        if (!hasCome) this.#fail(piece)
        return hasCome
      })
    this.#pieces.push(piece)
  }

  /** What waits would hardly fare better, one after the other; more may be announced. */
  #fail(piece: Piece): void {
    if (!this.#pieces.includes(piece)) return
    this.#pieces = this.#pieces.filter((one) => one !== piece)
    this.#waiting = []
  }
}

/** Notes that bytes of a piece have been read. */
function noteRead(piece: Piece, from: number, length: number): void {
  for (let page = Math.floor(from / PAGE); page * PAGE < from + length; page++) {
    if (piece.pages[page] === 0) piece.left--
    piece.pages[page] = 1
  }
}

/** Waits for something, but rejects with the signal's reason as soon as it is aborted. */
function unlessAborted<T>(wanted: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return wanted
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener("abort", onAbort, { once: true })
    wanted.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort))
  })
}
