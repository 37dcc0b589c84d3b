// SPDX-License-Identifier: MIT
import { inject, type TestContext } from "vitest"

/** Skips a test, with the reason, if what it runs could not be installed. */
export function need(context: TestContext, name: string): void {
  const reason = inject("missing")[name]
  if (reason !== undefined) context.skip(`${name} cannot be installed from here: ${reason}`)
}
