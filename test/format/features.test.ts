// SPDX-License-Identifier: MIT
import { expect, it } from "vitest"
import { compatNames, incompatNames, unknownIncompatNames } from "../../src/format/features.js"

it("names every known bit", () => {
  expect(compatNames(0x37)).toEqual([
    "sb_chksum",
    "mtime",
    "xattr_filter",
    "plain_xattr_pfx",
    "ishare_xattrs",
  ])
  expect(compatNames(0x08)).toEqual(["shared_ea_in_metabox"])
  expect(compatNames(0xffffffc0)).toEqual([])
  expect(incompatNames(0x1ff)).toEqual([
    "lz4_0padding",
    "compr_cfgs/big_pcluster",
    "chunked_file",
    "device_table/compr_head2",
    "ztailpacking",
    "fragments/dedupe",
    "xattr_prefixes",
    "48bit",
    "metabox",
  ])
})

it("gives unknown incompatible bits in hexadecimal", () => {
  expect(unknownIncompatNames(0x1ff)).toEqual([])
  expect(unknownIncompatNames(0x80000601)).toEqual(["0x200", "0x400", "0x80000000"])
})
