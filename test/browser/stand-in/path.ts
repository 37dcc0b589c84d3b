// SPDX-License-Identifier: MIT
/** What tests use of `node:path`, on URLs. */

export const join = (folder: string, ...names: string[]): string =>
  names.reduce((path, name) => (path.endsWith("/") ? `${path}${name}` : `${path}/${name}`), folder)
