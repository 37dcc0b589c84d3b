// SPDX-License-Identifier: MIT
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Those need a browser and other runtimes: npm run test:browser, npm run test:runtimes.
    exclude: ["test/browser/**", "test/runtime/**"],
    // Property tests of decoders and random reads take their time on a slow machine.
    testTimeout: 60_000,
  },
})
