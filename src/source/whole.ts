// SPDX-License-Identifier: MIT

/** A download that several wait for. It stops when the last of them gives up, and begins anew when it is asked for again. */
export class WholeFile {
  readonly #download: (signal: AbortSignal) => Promise<Uint8Array>
  #bytes: Promise<Uint8Array> | undefined
  #controller = new AbortController()
  #waiting = 0
  #isDone = false

  constructor(download: (signal: AbortSignal) => Promise<Uint8Array>) {
    this.#download = download
  }

  /** All bytes. Rejects with the signal's reason as soon as it is aborted; with what went wrong if the download failed. */
  async bytes(signal: AbortSignal): Promise<Uint8Array> {
    signal.throwIfAborted()
    this.#bytes ??= this.#start()
    this.#waiting++
    let onAbort: (() => void) | undefined
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason)
      signal.addEventListener("abort", onAbort, { once: true })
    })
    try {
      return await Promise.race([this.#bytes, aborted])
    } finally {
      if (onAbort) signal.removeEventListener("abort", onAbort)
      if (--this.#waiting === 0) this.#giveUp()
    }
  }

  #giveUp(): void {
    if (this.#isDone) return
    this.#bytes = undefined
    this.#controller.abort()
  }

  async #start(): Promise<Uint8Array> {
    const controller = new AbortController()
    this.#controller = controller
    try {
      const bytes = await this.#download(controller.signal)
      this.#isDone = true
      return bytes
    } catch (error) {
      if (this.#controller === controller) this.#bytes = undefined
      throw error
    }
  }
}
