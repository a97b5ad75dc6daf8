// What every client program does around its subcommands: flags, help, signals, errors, the exit code.
import { Command, CommanderError } from 'commander'
import { didYouMean } from '../../core/did-you-mean.js'
import { invalidField, VaultError } from '../../core/errors.js'
import { version } from '../../core/version.js'
import { addCompletion } from '../completion/completion.js'
import { fileError } from '../files/file-errors.js'
import { printError } from '../terminal/output.js'
import type { Terminal } from '../terminal/terminal.js'
import { helpAfterError, helpStyle, versionText } from './help.js'
import type { Hints } from './hints.js'

export { withExamples } from './help.js'

/** What a subcommand works with. */
export interface Session {
  terminal: Terminal
  /** Aborts at Ctrl-C, and when nobody reads the output any more. */
  signal: AbortSignal
}

export interface Program {
  /** The root command, made by `rootCommand`. */
  build(session: Session): Command
  hints: Hints
}

const interruptedCode = 130
const recordKeyPattern = /rvk1_[a-z2-7]{8}/i

/** A command whose subcommands inherit how it prints and ends. */
export function rootCommand(name: string, { terminal }: Session): Command {
  return new Command(name)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
    .showHelpAfterError(helpAfterError)
    .configureHelp(helpStyle)
    .version(version, '--version', versionText)
    .enablePositionalOptions() // a --version behind a subcommand is one of its own
}

function unknownOptionMessage(flag: string, { options }: Command): string {
  return `unknown option '${flag}'${suggestion(flag, [...options.map(({ long }) => long ?? ''), '--help'])}`
}

/** As commander says it. */
function suggestion(word: string, known: string[]): string {
  const meant = didYouMean(word, known)
  return meant === undefined ? '' : `\n(Did you mean ${meant}?)`
}

/** The action of a default subcommand, which would take a mistyped subcommand and its flags for its own. */
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
  if (known.includes(word)) return `flags go behind the command: ${parent?.name()} ${word} ...`
  return `there is no command '${word}'${suggestion(word, known)}`
}

// Arguments are in everybody's process list and in the shell's history. Checked before commander may quote them.
function refuseRecordKeys(argv: string[]): void {
  if (!argv.some((argument) => recordKeyPattern.test(argument))) return
  throw invalidField('record key', 'must not be an argument, where every user of this machine can read it')
}

/** Runs to the end and returns the exit code. */
export async function runProgram({ build, hints }: Program, terminal: Terminal): Promise<number> {
  const stopping = new AbortController()
  const interrupt = () => stopping.abort(new VaultError('CANCELLED', { message: 'interrupted' }))
  terminal.once('SIGINT', interrupt)
  terminal.once('SIGTERM', interrupt)
  terminal.once('SIGHUP', interrupt)
  terminal.stdout.on('error', (error) => stopping.abort(error)) // again with each line that is printed nevertheless
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

// What failed because the program is stopping failed for that reason; a reader who has left wants no message.
function reportFailure(error: unknown, { hints, terminal, signal }: Failure): number {
  const { aborted, reason } = signal
  if (aborted && (reason as NodeJS.ErrnoException).code === 'EPIPE') return 1
  const isInterrupted = aborted && reason instanceof VaultError
  const isKnown = isInterrupted && error instanceof VaultError && error.kind === 'cancelled' // with what it may have done
  const code = printError(aborted && !isKnown ? reason : fileError(error), hints, terminal)
  return isInterrupted ? interruptedCode : code
}
