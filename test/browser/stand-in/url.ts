// SPDX-License-Identifier: MIT
/** What tests use of `node:url`: files are URLs of the test server. */

/** Vite turns the URL of a folder into that of its index, if it has one. */
export const fileURLToPath = (url: URL | string): string => String(url).replace(/index\.json$/, "")
