// SPDX-License-Identifier: MIT
/** Tests in Chromium: the suite itself, with and without cross-origin isolation, and pages of our own. */
import { fileURLToPath } from "node:url"
import { playwright } from "@vitest/browser-playwright"
import type { Plugin } from "vite"
import { defineConfig, type TestProjectConfiguration } from "vitest/config"
import { CHROMIUM_ARGUMENTS, findChromium } from "../support/chromium.js"
import { ISOLATION } from "../support/web-server.js"
import { sortTests, standIns } from "./portable.js"

const root = fileURLToPath(new URL("../..", import.meta.url))
const stand = (name: string) => fileURLToPath(new URL(`stand-in/${name}.ts`, import.meta.url))

const { portable, reasons } = sortTests()
console.log(`Not run in browsers: ${Object.keys(reasons).length} of the suite's files`)
for (const [test, reason] of Object.entries(reasons)) console.log(`  ${test}: ${reason}`)

/** Sets headers on every answer, those of Vite's own too. */
function headers(values: Record<string, string>): Plugin {
  return {
    name: "headers",
    enforce: "pre",
    configureServer(server) {
      server.middlewares.use((_request, response, next) => {
        for (const [name, value] of Object.entries(values)) response.setHeader(name, value)
        next()
      })
    },
  }
}

/** The library's suite in a page. */
function suite(name: string, pageHeaders: Record<string, string>): TestProjectConfiguration {
  return {
    root,
    plugins: [headers(pageHeaders)],
    resolve: {
      alias: [...standIns().keys()].map((module) => ({
        find: new RegExp(`^node:${module}$`),
        replacement: stand(module),
      })),
    },
    optimizeDeps: { include: ["buffer", "fflate", "fast-check", "xxhash-wasm"] },
    test: {
      name,
      include: portable,
      testTimeout: 60_000,
      setupFiles: [stand("globals")],
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({
          launchOptions: { executablePath: findChromium() ?? "", args: CHROMIUM_ARGUMENTS },
        }),
        instances: [{ browser: "chromium" }],
      },
    },
  }
}

export default defineConfig({
  test: {
    projects: [
      suite("isolated", ISOLATION),
      suite("plain", {}),
      {
        root,
        test: {
          name: "pages",
          include: ["test/browser/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
