// SPDX-License-Identifier: MIT
import { readFileSync } from "node:fs"
import { Arguments, type Call, COMMON_OPTIONS, type Command, helpOf, requireFaithful } from "./arguments.js"
import { DONE, FAILED, isBrokenPipe, OutputError, USAGE, UsageError } from "./exit.js"
import { type Io, type Output, Printer } from "./print.js"
import { Reporter } from "./report.js"

const PROGRAM = "erofs-wasm"
/** Room for the name of a command, in the help text. */
const NAME_WIDTH = 13

/** All commands, in the order of the help text. Only the one that is run is loaded: loading all takes longer than some run. */
const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ["info", async () => (await import("./info.js")).info],
  ["ls", async () => (await import("./ls.js")).ls],
  ["tree", async () => (await import("./tree.js")).tree],
  ["stat", async () => (await import("./stat.js")).stat],
  ["cat", async () => (await import("./cat.js")).cat],
  ["extract", async () => (await import("./extract.js")).extract],
  ["tar", async () => (await import("./tar.js")).tar],
  ["manifest", async () => (await import("./manifest.js")).manifest],
  ["check", async () => (await import("./check.js")).check],
  ["share", async () => (await import("./share.js")).share],
  ["bench", async () => (await import("./bench.js")).bench],
  ["fingerprint", async () => (await import("./fingerprint.js")).fingerprint],
])

/**
 * Runs the command line: `argv` is what comes behind the program's name. Answers the exit code, 0 done, 1 the image
 * is damaged or the operation failed, 2 wrong usage; throws nothing but defects of its own.
 */
export async function run(argv: readonly string[], { stdout, stderr }: Io): Promise<number> {
  const io: Io = { stdout: withOwnErrors(stdout), stderr }
  const [name, ...rest] = argv
  const command = await COMMANDS.get(name ?? "")?.()
  const out = new Printer(io.stdout)
  const report = new Reporter(io.stderr, command ? `${PROGRAM} ${command.name}` : PROGRAM, {
    isVerbose: rest.includes("--verbose"),
    isQuiet: rest.includes("--quiet"),
  })
  try {
    const code = command ? await runCommand(command, rest, { io, out, report }) : await runNone(name, out)
    await out.flush()
    return code
  } catch (error) {
    return failed(error, out, report)
  }
}

/** An output whose errors can be told from those of an image. */
function withOwnErrors(output: Output): Output {
  return {
    isTerminal: output.isTerminal,
    async write(bytes) {
      try {
        await output.write(bytes)
      } catch (error) {
        throw new OutputError(error)
      }
    },
  }
}

async function failed(error: unknown, out: Printer, report: Reporter): Promise<number> {
  // Nobody reads any more: no reason to complain.
  if (isBrokenPipe(error)) return DONE
  await out.flush().catch(() => {})
  report.error(error)
  if (!(error instanceof UsageError)) return FAILED
  report.line("--help tells how it is used")
  return USAGE
}

async function runCommand(command: Command, argv: string[], rest: Omit<Call, "args">): Promise<number> {
  const { out } = rest
  requireFaithful(argv)
  const args = new Arguments([...command.options, ...COMMON_OPTIONS], argv)
  if (args.has("help")) {
    out.text(helpOf(command))
    return DONE
  }
  if (args.has("version")) return printVersion(out)
  const { min, max } = command.words
  if (args.words.length < min) throw new UsageError(`too few arguments: ${command.usage}`)
  if (args.words.length > max) throw new UsageError(`too many arguments: ${command.usage}`)
  return await command.run({ args, ...rest })
}

/** What is there to say without a command. */
async function runNone(name: string | undefined, out: Printer): Promise<number> {
  if (name === undefined) throw new UsageError("a command is needed")
  if (name === "--version") return printVersion(out)
  if (name !== "--help" && name !== "-h" && name !== "help") throw new UsageError(`no command '${name}'`)
  out.line(`Usage: ${PROGRAM} COMMAND IMAGE ...`)
  out.line("")
  out.line("Reads EROFS images.")
  out.line("")
  for (const load of COMMANDS.values()) {
    const { name, summary } = await load()
    out.line(`  ${name.padEnd(NAME_WIDTH)}${summary}`)
  }
  out.line("")
  out.line(`${PROGRAM} COMMAND --help tells more.`)
  return DONE
}

function printVersion(out: Printer): number {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8")
  const { version } = JSON.parse(text) as { version: string }
  out.line(version)
  return DONE
}
