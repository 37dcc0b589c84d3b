// SPDX-License-Identifier: MIT
/** Tests in Chromium: the suite itself, with and without cross-origin isolation, and pages of our own. */
import { fileURLToPath } from "node:url"
import { playwright } from "@vitest/browser-playwright"
import type { Plugin } from "vite"
import { defineConfig, type TestProjectConfiguration } from "vitest/config"
import { CHROMIUM_ARGUMENTS, findChromium } from "../support/chromium.js"
import { ISOLATION } from "../support/web-server.js"

const root = fileURLToPath(new URL("../..", import.meta.url))
const stand = (name: string) => fileURLToPath(new URL(`stand-in/${name}.ts`, import.meta.url))

/** Tests that need a file system, processes or Node's own threads, each with what it needs them for. */
const NODE_ONLY = [
  "test/cli/**", // processes, files
  "test/oracle/**", // the kernel, folders of images
  "test/fuzz/fuzz.test.ts", // reads the folder of seeds
  "test/assembly/constants.test.ts", // the text of the sources
  "test/assembly/concurrency.test.ts", // node:worker_threads
  "test/codec/**", // native programs beside the decoders
  "test/source/**", // files
  "test/demo/serve.test.ts", // processes
  "test/package.test.ts", // the package on disk
  "test/public-api.test.ts", // the text of the index
  "test/browser/**",
  "test/runtime/**",
]

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
      alias: ["fs", "child_process", "crypto", "zlib", "url", "path"].map((module) => ({
        find: `node:${module}`,
        replacement: stand(module),
      })),
    },
    optimizeDeps: { include: ["buffer", "fflate", "fast-check", "xxhash-wasm"] },
    test: {
      name,
      include: ["test/**/*.test.ts", "test/browser/suite/*.browser.ts"],
      exclude: NODE_ONLY,
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
