// SPDX-License-Identifier: MIT
/** Images that come with the page, in the folder samples/. */
export const SAMPLES = [
  {
    title: "Two releases of a small system",
    words: "LZ4 and Zstandard, with fingerprints: see what they share",
    files: ["aurora-1.0.erofs", "aurora-1.1.erofs"],
  },
  {
    title: "All four codecs in one image",
    words: "LZ4, MicroLZMA, DEFLATE, Zstandard",
    files: ["four-algorithms.erofs"],
  },
  {
    title: "A damaged image",
    words: "What can be read is read, the rest is told",
    files: ["aurora-damaged.erofs"],
  },
] as const
