// SPDX-License-Identifier: MIT
import { defineConfig } from "vitest/config"

export default defineConfig({
  // Not what is compiled of them into build/.
  test: { include: ["test/**/*.test.ts"] },
})
