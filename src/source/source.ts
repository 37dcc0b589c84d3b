// SPDX-License-Identifier: MIT
/**
 * Where the bytes of one device come from. Whoever can read bytes can be a source: there is nothing to
 * extend and nothing to register. Give `readSync`, `read`, or both.
 */

/** What both kinds of source have. */
export interface SourceBase {
  /** Bytes of the device. */
  readonly size: number
  /** For messages: a path, a URL. */
  readonly name?: string
  /** Bytes that take about as much time as one more request: metadata is read so much at a time. Default 32 KiB. */
  readonly granularity?: number
  /**
   * Whether bytes come from afar, so that they cost something themselves, and requests take their time. Then little
   * metadata is read in vain, and what is known to be needed soon is asked for together.
   */
  readonly isRemote?: boolean
  /** Names these very bytes, wherever they lie: what has another version has another identity. */
  readonly identity?: string | undefined
  /** What the source has done so far. */
  stats?(): SourceStats
  /** Lets go of what is behind the source. Called when the image that owns it is closed. */
  close?(): void | Promise<void>
}

/** What reading from a source took. */
export interface SourceStats {
  /** Requests that were sent, to whom ever the bytes come from. */
  requests: number
  /** Bytes that came over the wire, without headers. */
  bytes: number
  /** Bytes that were read from where fetched ones are kept. */
  cachedBytes?: number
}

/** A source that answers at once: a buffer, a file descriptor. */
export interface SyncSource extends SourceBase {
  /**
   * Reads `target.length` bytes from byte `offset` on into `target`, which may be a view of shared memory.
   * Answers how many bytes were read: fewer than asked only at the end. Throws what the system says.
   */
  readSync(target: Uint8Array, offset: number): number
}

/** A source that answers later: a Blob, a server, a file read in the background. */
export interface AsyncSource extends SourceBase {
  /**
   * Like {@link SyncSource.readSync}, later. When the signal is aborted, the promise should be rejected soon;
   * once it is settled, `target` must not be written any more. Nor may it be once the thread is terminated: only
   * JavaScript of this thread may write to shared memory, not a system call that outlives it.
   */
  read(target: Uint8Array, offset: number, options: { signal?: AbortSignal | undefined }): Promise<number>
  /**
   * Told that bytes will be read soon, in about this order. A source whose requests take time may fetch them ahead, as far as
   * it has room for them, and stops and forgets them once the signal is aborted. Nothing fails here.
   */
  expect?(offset: number, length: number, options?: { signal?: AbortSignal | undefined }): void
}

/** Any source. */
export type Source = SyncSource | AsyncSource

/** Whether the source can be read synchronously. */
export function isSyncSource(source: Source): source is SyncSource {
  return "readSync" in source && typeof source.readSync === "function"
}

/** Whether the source can be read asynchronously. */
export function isAsyncSource(source: Source): source is AsyncSource {
  return "read" in source && typeof source.read === "function"
}
