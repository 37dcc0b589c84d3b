// SPDX-License-Identifier: MIT

// File types in i_mode, as in Linux st_mode (format section 4.2), and in dirents (section 6).

/** Mask of the file type in a mode. */
export const S_IFMT = 0o170000
/** FIFO. */
export const S_IFIFO = 0o010000
/** Character device. */
export const S_IFCHR = 0o020000
/** Directory. */
export const S_IFDIR = 0o040000
/** Block device. */
export const S_IFBLK = 0o060000
/** Regular file. */
export const S_IFREG = 0o100000
/** Symbolic link. */
export const S_IFLNK = 0o120000
/** Socket. */
export const S_IFSOCK = 0o140000

/** Modes of the file types of dirents; the index is the type on disk, 0 is unknown. */
const TYPES = [0, S_IFREG, S_IFDIR, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK, S_IFLNK]

/** The dirent file type, 1 to 7, of a mode; 0 if its type is none of the seven. */
export function fileTypeOf(mode: number): number {
  return Math.max(TYPES.indexOf(mode & S_IFMT), 0)
}

/** Whether a mode is that of a regular file. */
export function isRegular(mode: number): boolean {
  return (mode & S_IFMT) === S_IFREG
}

/** Whether a mode is that of a directory. */
export function isDirectory(mode: number): boolean {
  return (mode & S_IFMT) === S_IFDIR
}

/** Whether a mode is that of a symbolic link. */
export function isSymlink(mode: number): boolean {
  return (mode & S_IFMT) === S_IFLNK
}

/** Whether a mode is that of a character or block device. */
export function isDevice(mode: number): boolean {
  return (mode & S_IFMT) === S_IFCHR || (mode & S_IFMT) === S_IFBLK
}

/** The file type bits of a mode for a dirent file type; 0 for an unknown one. */
export function modeOfType(type: number): number {
  return TYPES[type] ?? 0
}
