// SPDX-License-Identifier: MIT
/** The command line: what commands are, their options, and what the user gave. */
import { isUtf8 } from "node:buffer"
import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { UsageError } from "./exit.js"
import type { Io, Printer } from "./print.js"
import type { Reporter } from "./report.js"

/** One option. With `value`, the name of its value in the help text, it takes one. */
export interface OptionSpec {
  name: string
  short?: string
  value?: string
  /** May be given more than once. */
  isMultiple?: boolean
  help: string
}

/** One command of the command line. */
export interface Command {
  name: string
  /** What it does, in one line. */
  summary: string
  /** What comes behind its name. */
  usage: string
  /** Its own options; all commands have {@link COMMON_OPTIONS} too. */
  options: readonly OptionSpec[]
  /** More about it for the help text, in lines. */
  notes?: readonly string[]
  /** How many words besides options it takes. */
  words: { min: number; max: number }
  /** Does it; answers the exit code. */
  run(call: Call): Promise<number>
}

/** A command that is being run. */
export interface Call {
  args: Arguments
  io: Io
  out: Printer
  report: Reporter
}

export const JSON_OPTION: OptionSpec = { name: "json", help: "print JSON; numbers are exact however large" }
export const NID_OPTION: OptionSpec = {
  name: "nid",
  value: "N",
  help: "the inode of this number, not a path",
}
export const PROGRESS_OPTION: OptionSpec = {
  name: "progress",
  value: "KIND",
  help: "bar (default, to a terminal only), json (a line a time) or none",
}

/** Options of every command. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  {
    name: "device",
    value: "FILE",
    isMultiple: true,
    help: "a further device of the image; one each, in order",
  },
  { name: "offset", value: "BYTES", help: "where the image begins in its file: 4096, 0x1000, 4K, 1M, 1G" },
  { name: "platform", value: "P", help: "which one of an image in a registry: linux/amd64, linux/arm/v7" },
  { name: "plain-http", help: "ask the registry over HTTP" },
  {
    name: "header",
    value: "TEXT",
    isMultiple: true,
    help: "for URLs and registries: a header of every request, 'Name: value'",
  },
  {
    name: "cache",
    value: "DIR",
    help: "for URLs and registries: keep what is fetched in this directory, and use it",
  },
  { name: "ignore-checksum", help: "go on though the checksum of the superblock is wrong" },
  { name: "verbose", help: "say more on errors, stack traces too" },
  { name: "quiet", help: "no progress, no warnings" },
  { name: "version", help: "print the version" },
  { name: "help", short: "h", help: "print this help" },
]

/** What the user gave, checked against the options that there are. */
export class Arguments {
  /** What is no option: the image first. */
  readonly words: readonly string[]
  readonly #values: ReadonlyMap<string, readonly (string | boolean)[]>

  /** Throws {@link UsageError} for options that do not exist or values that are missing. */
  constructor(options: readonly OptionSpec[], argv: readonly string[]) {
    const config = options.map(({ name, short, value, isMultiple }) => [
      name,
      {
        type: value === undefined ? "boolean" : "string",
        multiple: isMultiple ?? false,
        ...(short && { short }),
      },
    ])
    try {
      const { values, positionals } = parseArgs({
        args: withValues(options, argv),
        options: Object.fromEntries(config) as NonNullable<Parameters<typeof parseArgs>[0]>["options"] &
          object,
        allowPositionals: true,
      })
      this.words = positionals
      this.#values = new Map(Object.entries(values).map(([name, value]) => [name, [value ?? []].flat()]))
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      throw new UsageError(error.message.split(/\. |\n/)[0] ?? error.message)
    }
  }

  /** Whether an option without a value was given. */
  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** The value of an option. */
  text(name: string): string | undefined {
    return this.texts(name)[0]
  }

  /** All values of an option. */
  texts(name: string): string[] {
    return (this.#values.get(name) ?? []).filter((value) => typeof value === "string")
  }

  /** The value of an option as bytes, with the suffixes K, M and G. */
  bytes(name: string): number | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : parseBytes(text, name)
  }

  /** The value of an option as a whole number. */
  count(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--${name} takes a number, not '${text}'`)
    return Number(text)
  }

  /** The number of an inode that `--nid` gives. */
  nid(): bigint | undefined {
    const text = this.text("nid")
    if (text === undefined) return undefined
    const nid = /^(\d{1,20}|0x[\da-f]{1,16})$/i.test(text) ? BigInt(text) : undefined
    if (nid === undefined || nid >= 1n << 64n) {
      throw new UsageError(`--nid takes the number of an inode, not '${text}'`)
    }
    return nid
  }

  /** The value of an option that must be one of a few; the first is the default. */
  choice<T extends string>(name: string, choices: readonly [T, ...T[]]): T {
    const text = this.text(name)
    const choice = text === undefined ? choices[0] : choices.find((one) => one === text)
    if (choice === undefined) throw new UsageError(`--${name} is one of ${choices.join(", ")}, not '${text}'`)
    return choice
  }
}

const UNITS = new Map([
  ["", 0],
  ["k", 10],
  ["m", 20],
  ["g", 30],
])

function parseBytes(text: string, name: string): number {
  const [, digits, suffix = ""] = /^(\d+|0x[\da-f]+)([kmg]?)$/i.exec(text) ?? []
  const bytes = Number(digits ?? Number.NaN) * 2 ** (UNITS.get(suffix.toLowerCase()) ?? 0)
  if (!Number.isSafeInteger(bytes)) throw new UsageError(`--${name} takes a number of bytes, not '${text}'`)
  return bytes
}

/**
 * Throws {@link UsageError} if an argument is not UTF-8: Node puts U+FFFD in the place of such bytes, so that it would be another
 * file that is read or written. Only Linux tells.
 */
export function requireFaithful(argv: readonly string[]): void {
  if (!argv.some((arg) => arg.includes("\ufffd"))) return
  let given: Buffer
  try {
    given = readFileSync("/proc/self/cmdline")
  } catch {
    return
  }
  if (isUtf8(given)) return
  throw new UsageError(
    "an argument is not UTF-8, which Node.js does not pass on; inodes can be named by --nid",
  )
}

/**
 * Arguments in which values that look like options are told from options: `--offset -1` becomes `--offset=-1`, as no option
 * is a number. Throws {@link UsageError} where an option's value is missing, or may be an option.
 */
function withValues(options: readonly OptionSpec[], argv: readonly string[]): string[] {
  const args: string[] = []
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i] as string
    if (arg === "--") return [...args, ...argv.slice(i)]
    args.push(arg)
    const option = options.find(({ name, short }) => arg === `--${name}` || (short && arg === `-${short}`))
    if (option?.value === undefined) continue
    const value = argv[++i]
    if (value === undefined) throw new UsageError(`${arg} needs a value: ${arg} ${option.value}`)
    if (/^-\d/.test(value)) {
      args[args.length - 1] = `--${option.name}=${value}`
    } else if (value.startsWith("-") && value !== "-") {
      const hint = `one that begins with a dash is written --${option.name}=${value}`
      throw new UsageError(`${arg} needs a value, and '${value}' may be an option: ${hint}`)
    } else {
      args.push(value)
    }
  }
  return args
}

/** The help text of a command. */
export function helpOf(command: Command): string {
  const lines = [
    `Usage: erofs-wasm ${command.name} ${command.usage}`,
    "",
    command.summary,
    ...(command.notes ? ["", ...command.notes] : []),
    "",
    "Options:",
    ...[...command.options, ...COMMON_OPTIONS].map(optionLine),
    "",
    "Exit codes: 0 done, 1 the image is damaged or the operation failed, 2 wrong usage.",
  ]
  return `${lines.join("\n")}\n`
}

const OPTION_WIDTH = 24

function optionLine({ name, short, value, help }: OptionSpec): string {
  const flags = `  ${short ? `-${short}, ` : "    "}--${name}${value ? ` ${value}` : ""}`
  return `${flags.padEnd(OPTION_WIDTH)}  ${help}`
}
