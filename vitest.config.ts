// SPDX-License-Identifier: MIT
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Property tests of decoders and random reads take their time on a slow machine.
    testTimeout: 60_000,
  },
})
