// SPDX-License-Identifier: MIT
/** Coming into a pool and leaving it where ports do not tell of their end: browsers, which Node stands in for here. */
import { afterEach, describe, expect, it, vi } from "vitest"
import { enter, whenClosed } from "../src/handle.js"

afterEach(() => vi.unstubAllGlobals())

/** Two ports of a browser: without `unref`, and without a word of their end. */
function browserPorts(): [MessagePort, MessagePort] {
  const ports = [new EventTarget(), new EventTarget()] as const
  const withPost = (port: EventTarget, other: EventTarget) =>
    Object.assign(port, {
      start() {},
      close() {},
      postMessage(data: unknown) {
        queueMicrotask(() => other.dispatchEvent(Object.assign(new Event("message"), { data })))
      },
    }) as unknown as MessagePort
  return [withPost(ports[0], ports[1]), withPost(ports[1], ports[0])]
}

/** A lock manager; `grant` lets the first requests come through, which wait until then. */
function lockManager() {
  const tails = new Map<string, Promise<unknown>>()
  let grant = (): void => {}
  const granted = new Promise<void>((resolve) => {
    grant = resolve
  })
  const request = (name: string, callback: () => unknown): Promise<unknown> => {
    const held = (tails.get(name) ?? granted).then(callback)
    tails.set(name, held)
    return held
  }
  return { locks: { request }, grant }
}

/** Lets everything happen that is under way. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

describe("in browsers", () => {
  it("a worker has come in only once its lock tells of its end", async () => {
    const { locks, grant } = lockManager()
    vi.stubGlobal("navigator", { locks })
    const [near, far] = browserPorts()
    const onClosed = vi.fn()
    whenClosed(near, onClosed)
    const onEntered = vi.fn()
    const entering = enter(far)
    entering.then(onEntered)
    await settle()
    expect(onEntered).not.toHaveBeenCalled()
    grant()
    const leave = await entering
    await settle()
    expect(onClosed).not.toHaveBeenCalled()
    leave()
    await settle()
    expect(onClosed).toHaveBeenCalledTimes(1)
  })

  it.each([
    ["there are no locks", {}],
    ["locks are refused", { locks: { request: () => Promise.reject(new Error("SecurityError")) } }],
  ])("a worker says itself that it leaves where %s", async (_, navigator) => {
    vi.stubGlobal("navigator", navigator)
    const [near, far] = browserPorts()
    const onClosed = vi.fn()
    whenClosed(near, onClosed)
    const leave = await enter(far)
    await settle()
    expect(onClosed).not.toHaveBeenCalled()
    leave()
    await settle()
    expect(onClosed).toHaveBeenCalledTimes(1)
  })

  it("a port lets in once", async () => {
    vi.stubGlobal("navigator", {})
    const [, far] = browserPorts()
    await enter(far)
    await expect(enter(far)).rejects.toMatchObject({ code: "EBUSY" })
  })
})
