// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest"
import { ErofsError } from "../../src/errors.js"
import { Gate } from "../../src/source/gate.js"
import { Attempts, delayBefore, parseRetryAfter, Transient } from "../../src/source/retry.js"

const NEVER = new AbortController().signal

describe("a delay", () => {
  it("doubles, is spread, and has a limit", () => {
    expect([1, 2, 3, 4].map((failures) => delayBefore(failures, 250, undefined, 0))).toEqual([
      250, 500, 1000, 2000,
    ])
    expect(delayBefore(3, 250, undefined, 1)).toBe(500)
    expect(delayBefore(40, 250, undefined, 0)).toBe(10_000)
  })

  it("is what the server asks for, if that is more; none where it can begin at once", () => {
    expect(delayBefore(1, 250, 20_000, 0)).toBe(20_000)
    expect(delayBefore(1, 250, 20, 0)).toBe(250)
    expect(delayBefore(1, 250, 0, 0)).toBe(0)
  })
})

it("Retry-After is seconds or a date", () => {
  const now = Date.parse("2026-10-05T10:00:00Z")
  expect(parseRetryAfter("7", now)).toBe(7000)
  expect(parseRetryAfter(" 0 ", now)).toBe(0)
  expect(parseRetryAfter("Mon, 05 Oct 2026 10:00:30 GMT", now)).toBe(30_000)
  expect(parseRetryAfter("Mon, 05 Oct 2026 09:00:00 GMT", now)).toBe(0)
  for (const value of [null, "", "soon", "-5", "99999999999999999999"]) {
    expect(parseRetryAfter(value, now)).toBeUndefined()
  }
})

describe("attempts", () => {
  const transient = (): Transient => new Transient(new ErofsError("EIO", "busy"))

  it("end after so many failures in a row", async () => {
    const attempts = new Attempts({ retries: 2, delay: 0 })
    await attempts.next(transient(), NEVER)
    await attempts.next(transient(), NEVER)
    await expect(attempts.next(transient(), NEVER)).rejects.toMatchObject({ code: "EIO" })
    attempts.reset()
    await attempts.next(transient(), NEVER)
  })

  it("end with what cannot pass, and when nobody wants them any more", async () => {
    const attempts = new Attempts({ retries: 2, delay: 60_000 })
    await expect(attempts.next(new Error("for good"), NEVER)).rejects.toThrow("for good")
    await expect(attempts.next(transient(), AbortSignal.abort("tired"))).rejects.toBe("tired")
    const controller = new AbortController()
    const waiting = attempts.next(transient(), controller.signal)
    controller.abort("later")
    await expect(waiting).rejects.toBe("later")
  })
})

describe("a gate", () => {
  it("lets so many through at a time, in order, and those who leave do not count", async () => {
    const gate = new Gate(2)
    const log: string[] = []
    const ends: (() => void)[] = []
    const pass = (name: string, signal = NEVER): Promise<void> =>
      gate.pass(async () => {
        log.push(name)
        await new Promise<void>((resolve) => ends.push(resolve))
      }, signal)
    const controller = new AbortController()
    const all = [pass("a"), pass("b"), pass("c", controller.signal), pass("d")]
    await null
    expect(log).toEqual(["a", "b"])
    controller.abort("left")
    await expect(all[2]).rejects.toBe("left")
    ends[0]?.()
    await all[0]
    await null
    expect(log).toEqual(["a", "b", "d"])
    for (const end of ends) end()
    await Promise.all([all[1], all[3]])
    await gate
      .pass(async () => {
        throw new Error("action failed")
      }, NEVER)
      .catch(() => {})
    const [last, more] = [pass("e"), pass("f")]
    await null
    expect(log).toEqual(["a", "b", "d", "e", "f"])
    for (const end of ends) end()
    await Promise.all([last, more])
  })
})
