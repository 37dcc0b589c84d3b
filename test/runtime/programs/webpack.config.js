// SPDX-License-Identifier: MIT
// The least that webpack wants to be told.
export default { mode: "production", entry: "./page.js", output: { filename: "page.js", clean: false } }
