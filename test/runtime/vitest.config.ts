// SPDX-License-Identifier: MIT
/** Tests of the packed package, in the runtimes and with the tools that users have. */
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: {
    include: ["test/runtime/**/*.test.ts"],
    globalSetup: "test/runtime/setup.ts",
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
})
