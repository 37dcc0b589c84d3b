// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest"
import { driveAsync, driveSync, type Need, type Operation } from "../src/drive.js"

function need(now: () => unknown, later: () => Promise<unknown>): Need {
  return { now, later }
}

describe("an operation", () => {
  const answer = (value: number) =>
    need(
      () => value,
      async () => value,
    )
  function* sum(): Operation<number> {
    return ((yield answer(1)) as number) + ((yield answer(2)) as number)
  }

  it("gives the same either way", async () => {
    expect(driveSync(sum())).toBe(3)
    expect(await driveAsync(sum())).toBe(3)
    expect(await driveAsync(sum(), new AbortController().signal)).toBe(3)
  })

  const failing = need(
    () => {
      throw new Error("refused")
    },
    () => Promise.reject(new Error("refused")),
  )
  function* patient(): Operation<string> {
    try {
      yield failing
    } catch (error) {
      return `caught ${(error as Error).message}, ${yield answer(5)}`
    }
    return "not refused"
  }
  function* impatient(cleaned: string[]): Operation<void> {
    try {
      yield failing
    } finally {
      cleaned.push("cleaned")
    }
  }

  it("can catch what a need throws, and go on", async () => {
    expect(driveSync(patient())).toBe("caught refused, 5")
    expect(await driveAsync(patient())).toBe("caught refused, 5")
  })

  it("cleans up behind what it does not catch", async () => {
    const cleaned: string[] = []
    expect(() => driveSync(impatient(cleaned))).toThrow("refused")
    await expect(driveAsync(impatient(cleaned))).rejects.toThrow("refused")
    expect(cleaned).toEqual(["cleaned", "cleaned"])
  })
})

describe("aborting", () => {
  it("before the beginning begins nothing", async () => {
    let begun = false
    // biome-ignore lint/correctness/useYield: an operation that needs nothing
    function* operation(): Operation<void> {
      begun = true
    }
    await expect(driveAsync(operation(), AbortSignal.abort("no"))).rejects.toBe("no")
    expect(begun).toBe(false)
  })

  it("rejects at once, and ends the operation when what it waits for has ended", async () => {
    const controller = new AbortController()
    let arrive: (value: unknown) => void = () => {}
    const log: unknown[] = []
    const slow = need(
      () => undefined,
      () => new Promise((resolve) => (arrive = resolve)),
    )
    const never = need(
      () => undefined,
      async () => log.push("met"),
    )
    function* operation(): Operation<void> {
      let held: unknown
      try {
        held = yield slow
        yield never
        log.push("went on")
      } finally {
        // What it was given it knows of, and can give back.
        log.push(["gives back", held])
      }
    }
    const running = driveAsync(operation(), controller.signal)
    controller.abort("enough")
    await expect(running).rejects.toBe("enough")
    expect(log).toEqual([])
    arrive("late answer")
    await new Promise(setImmediate)
    expect(log).toEqual([["gives back", "late answer"]])
  })
})
