// A client program around its subcommands: help, signals, errors, exit code.
import type { Command } from 'commander'
import { didYouMean } from '../../core/did-you-mean.js'
import { invalidField, VaultError } from '../../core/errors.js'
import { version } from '../../core/version.js'
import { addCompletion } from '../completion/completion.js'
import { fileError } from '../files/file-errors.js'
import { printError } from '../terminal/output.js'
import { OutputFailure } from '../terminal/results.js'
import { surviveFailedWrites, type Terminal } from '../terminal/terminal.js'
import { runCommandLine } from './command-line.js'
import { helpAfterError, helpStyle, versionText } from './help.js'
import type { Hints } from './hints.js'
import { StrictCommand } from './strict-command.js'

export { withExamples } from './help.js'

/** The context of a subcommand. */
export interface Session {
  terminal: Terminal
  /** Aborts at Ctrl-C. */
  signal: AbortSignal
  /** Set by a command for which SIGHUP is no interrupt. */
  survivesHangup?: boolean
}

/** What a client program is made of. */
export interface Program {
  /** Makes the root command with `rootCommand`, and its subcommands. */
  build(session: Session): Command
  hints: Hints
}

const interruptedCode = 130
const recordKeyPattern = /rvk1_[a-z2-7]{8}/i

/** The root command. Its subcommands inherit its way to exit. */
export function rootCommand(name: string): Command {
  return new StrictCommand(name)
    .exitOverride()
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
  const session: Session = { terminal, signal: stopping.signal }
  terminal.once('SIGHUP', () => {
    if (!session.survivesHangup) interrupt()
  })
  surviveFailedWrites(terminal)
  try {
    refuseRecordKeys(terminal.argv)
    const program = build(session)
    if (program.commands.length > 0) addCompletion(program, terminal)
    return await runCommandLine(program, terminal)
  } catch (error) {
    return reportFailure(error, { hints, terminal, signal: stopping.signal })
  }
}

interface Failure extends Session {
  hints: Hints
}

// If the program was interrupted, that is the cause of the failure.
function reportFailure(error: unknown, { hints, terminal, signal }: Failure): number {
  if (error instanceof OutputFailure) return printError(error, hints, terminal) // not the interrupt: the result is lost
  const { aborted, reason } = signal
  const isKnown = error instanceof VaultError && error.kind === 'cancelled' // its message says what may have been done
  const code = printError(aborted && !isKnown ? reason : fileError(error), hints, terminal)
  return aborted ? interruptedCode : code
}
