// A client program around its subcommands: help, signals, errors, exit code.
import { type Command, CommanderError } from 'commander'
import { didYouMean } from '../../core/did-you-mean.js'
import { invalidField, VaultError } from '../../core/errors.js'
import { version } from '../../core/version.js'
import { addCompletion } from '../completion/completion.js'
import { fileError } from '../files/file-errors.js'
import { printError } from '../terminal/output.js'
import type { Terminal } from '../terminal/terminal.js'
import { helpAfterError, helpStyle, versionText } from './help.js'
import type { Hints } from './hints.js'
import { StrictCommand } from './strict-command.js'

export { withExamples } from './help.js'

/** The context of a subcommand. */
export interface Session {
  terminal: Terminal
  /** Aborts at Ctrl-C, and when standard output is closed. */
  signal: AbortSignal
}

/** What a client program is made of. */
export interface Program {
  /** Makes the root command with `rootCommand`, and its subcommands. */
  build(session: Session): Command
  hints: Hints
}

const interruptedCode = 130
const recordKeyPattern = /rvk1_[a-z2-7]{8}/i

/** The root command. Its subcommands inherit its output and its way to exit. */
export function rootCommand(name: string, { terminal }: Session): Command {
  return new StrictCommand(name)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
    .showHelpAfterError(helpAfterError)
    .configureHelp(helpStyle)
    .version(version, '--version', versionText)
    .enablePositionalOptions() // so that a subcommand may have a --version of its own
}

function unknownOptionMessage(flag: string, { options }: Command): string {
  return `unknown option '${flag}'${suggestion(flag, [...options.map(({ long }) => long ?? ''), '--help'])}`
}

// In commander's words.
function suggestion(word: string, known: string[]): string {
  const similar = didYouMean(word, known)
  return similar === undefined ? '' : `\n(Did you mean ${similar}?)`
}

/** Sets the action of the default subcommand. It rejects a mistyped subcommand, which commander passes to it as an argument. */
export function defaultAction<Flags>(command: Command, run: (flags: Flags) => Promise<void>): void {
  command.allowExcessArguments(true).allowUnknownOption(true)
  command.action(async (flags: Flags) => {
    const [wrong] = command.args
    if (wrong !== undefined) command.error(`error: ${unknownWordMessage(wrong, command)}`)
    await run(flags)
  })
}

function unknownWordMessage(word: string, command: Command): string {
  if (word.startsWith('-')) return unknownOptionMessage(word, command)
  const { parent } = command
  const known = [...(parent?.commands.map((each) => each.name()) ?? []), 'help']
  if (known.includes(word)) return `flags go after the command: ${parent?.name()} ${word} ...`
  return `unknown command '${word}'${suggestion(word, known)}`
}

// Arguments show in the process list and in the shell's history. This check comes before commander's, whose errors quote
// arguments.
function refuseRecordKeys(argv: string[]): void {
  if (!argv.some((argument) => recordKeyPattern.test(argument))) return
  throw invalidField('record key', 'must not be an argument, which every user of this machine can read')
}

/** Runs a program and returns its exit code; prints errors with their hints. */
export async function runProgram({ build, hints }: Program, terminal: Terminal): Promise<number> {
  const stopping = new AbortController()
  const interrupt = () => stopping.abort(new VaultError('CANCELLED', { message: 'interrupted' }))
  terminal.once('SIGINT', interrupt)
  terminal.once('SIGTERM', interrupt)
  terminal.once('SIGHUP', interrupt)
  terminal.stdout.on('error', (error) => stopping.abort(error)) // one error for each line printed after that
  try {
    refuseRecordKeys(terminal.argv)
    const session = { terminal, signal: stopping.signal }
    const program = build(session)
    if (program.commands.length > 0) addCompletion(program, terminal)
    await program.parseAsync(terminal.argv)
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    return reportFailure(error, { hints, terminal, signal: stopping.signal })
  }
}

interface Failure extends Session {
  hints: Hints
}

// If the program is stopping, that is the cause of the failure. A closed standard output needs no message.
function reportFailure(error: unknown, { hints, terminal, signal }: Failure): number {
  const { aborted, reason } = signal
  if (aborted && (reason as NodeJS.ErrnoException).code === 'EPIPE') return 1
  const isInterrupted = aborted && reason instanceof VaultError
  const isKnown = isInterrupted && error instanceof VaultError && error.kind === 'cancelled' // its message says what may have been done
  const code = printError(aborted && !isKnown ? reason : fileError(error), hints, terminal)
  return isInterrupted ? interruptedCode : code
}
