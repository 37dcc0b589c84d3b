// SPDX-License-Identifier: MIT
/** Memory that two versions of real applications take in one pool, by the ways to share. */
import type { Row, SuiteResult } from "../report.js"
import { applications } from "./applications.js"
import { WAYS } from "./images.js"
import { isInstalled } from "./install.js"
import { compareVersions } from "./versions.js"

/** Compares the pairs that `npm run bench:memory` has installed. */
export async function suite(): Promise<SuiteResult> {
  const title = "Memory of two versions of an application"
  const rows: Row[] = []
  for (const application of applications) {
    const versions = application.versions.slice(-2)
    if (!versions.every((version) => isInstalled(application, version))) continue
    const { table } = await compareVersions(application, versions, ["lz4"], false)
    for (const way of WAYS) {
      const ratio = table.bytes.off / table.bytes[way]
      rows.push({
        group: `${application.name} ${versions.join(", ")}`,
        name: way,
        pages: table.pages[way],
        ratio,
      })
    }
  }
  const notes =
    rows.length > 0
      ? ["Ratios count the pool's tables in. More: npm run bench:memory."]
      : ["Skipped: no versions are installed. npm run bench:memory installs them."]
  return { title, rows, notes }
}
