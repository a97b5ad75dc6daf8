// A server program around its service: flags, signals, heap settings, exit code.
import { setFlagsFromString } from 'node:v8'
import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js'
import type { Command } from 'commander'
import type { ConfigSources } from '../../core/config/config.js'
import { VaultError } from '../../core/errors.js'
import { version } from '../../core/version.js'
import { printError, printNote } from '../terminal/output.js'
import { surviveFailedWrites } from '../terminal/terminal.js'
import { runCommandLine } from './command-line.js'
import { helpAfterError, helpStyle, versionText, withExamples } from './help.js'
import { serverHints } from './hints.js'
import { addServerFlags, configSources, type ServerFlags } from './server-flags.js'
import { firstStopSignal, operatorSignals, type SignalHandlers } from './server-signals.js'
import { StrictCommand } from './strict-command.js'

/** What a server program is made of. */
export interface ServerProgram {
  name: string
  description: string
  /** Lines of the help. */
  examples: string[]
  /** Resolves when the service listens. */
  start(sources: ConfigSources, signal: AbortSignal): Promise<RunningService>
}

/** A service that listens and logs. */
export interface RunningService extends SignalHandlers {
  /** One line for people: the address, and where the store or keyring is. */
  summary: string
  /** Resolves when all calls in flight have ended and all resources are closed. */
  stop(): Promise<void>
}

function serverCommand({ name, description, examples }: ServerProgram): Command {
  return withExamples(addServerFlags(new StrictCommand(name)), examples)
    .description(description)
    .configureHelp(helpStyle)
    .showHelpAfterError(helpAfterError)
    .version(version, '--version', versionText)
    .exitOverride()
}

// V8 counts buffers as growth of the heap. This heap is small, so by default a full garbage collection would run for every
// few MiB of contents. The unit is % of the memory in use after the last collection.
const heapGrowth = '--heap-growing-percent=200'

/** Stops grpc-js from writing to standard error, unless GRPC_VERBOSITY is set: its errors hold the same text. */
export function quietGrpc(env: NodeJS.ProcessEnv): void {
  if (env['GRPC_VERBOSITY'] === undefined) setLogVerbosity(logVerbosity.NONE)
}

/** Prints that a program has created a keyring: its operator must back it up. */
export function announceKeyring(program: string, file: string): void {
  printNote(`${program}: created a keyring at ${file}; back it up: without it no record can be read`)
}

/** Runs a server until a signal stops it; a second one ends it at once. Sets the exit code. */
export async function runServer(program: ServerProgram, process: NodeJS.Process): Promise<void> {
  quietGrpc(process.env)
  setFlagsFromString(heapGrowth)
  const stopping = new AbortController()
  const signalled = firstStopSignal(process, program.name, () => stopping.abort())
  const signals = operatorSignals(process)
  surviveFailedWrites(process)
  const command = serverCommand(program).action(async (flags: ServerFlags) => {
    const service = await program.start(configSources(flags, process.env), stopping.signal)
    signals.serve(service)
    printNote(`${program.name}: ${service.summary}`)
    await signalled
    printNote(`${program.name}: stopping`)
    await service.stop()
    process.exit(0) // a caller that does not complete its TLS handshake would keep the process alive for minutes
  })
  try {
    process.exitCode = await runCommandLine(command, process)
  } catch (error) {
    process.exitCode = stopping.signal.aborted && isAbort(error) ? 0 : printError(error, serverHints)
  }
}

/** True for the error of a start that was cancelled while it waited. */
export function isAbort(error: unknown): boolean {
  return error instanceof VaultError ? error.reason === 'CANCELLED' : (error as Error).name === 'AbortError'
}
