// What every server program does around its service: flags, signals, the heap, the exit code.
import { setFlagsFromString } from 'node:v8'
import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js'
import { Command, CommanderError } from 'commander'
import type { ConfigSources } from '../../core/config/config.js'
import { VaultError } from '../../core/errors.js'
import { version } from '../../core/version.js'
import { printError, printNote } from '../terminal/output.js'
import { helpAfterError, helpStyle, versionText, withExamples } from './help.js'
import { serverHints } from './hints.js'
import { addServerFlags, configSources, type ServerFlags } from './server-flags.js'

export interface ServerProgram {
  name: string
  description: string
  /** Shown under --help. */
  examples: string[]
  /** Starts the service; resolves when it listens. */
  start(sources: ConfigSources, signal: AbortSignal): Promise<RunningService>
}

export interface RunningService {
  /** One line for people: where it listens, what it holds. */
  summary: string
  /** Resolves when everything in flight is done and closed. */
  stop(): Promise<void>
}

function serverCommand({ name, description, examples }: ServerProgram): Command {
  return withExamples(addServerFlags(new Command(name)), examples)
    .description(description)
    .configureHelp(helpStyle)
    .showHelpAfterError(helpAfterError)
    .version(version, '--version', versionText)
    .exitOverride()
}

// V8 counts buffers as growth of the heap, and this heap is small: left alone, it collects all of it for every few MiB of
// contents that pass. In %, of what was in use after the last collection.
const heapGrowth = '--heap-growing-percent=200'

/** What grpc-js would write to standard error beside our own words is in the error it returns. */
export function quietGrpc(env: NodeJS.ProcessEnv): void {
  if (env['GRPC_VERBOSITY'] === undefined) setLogVerbosity(logVerbosity.NONE)
}

/** Says that a program has made a keyring, which its operator must know. */
export function announceKeyring(program: string, file: string): void {
  printNote(`${program}: made a keyring at ${file}; keep a copy: without it no record can be read`)
}

/** Runs until SIGTERM, SIGINT or SIGHUP; a second signal does not wait. Sets the exit code. */
export async function runServer(program: ServerProgram, process: NodeJS.Process): Promise<void> {
  quietGrpc(process.env)
  setFlagsFromString(heapGrowth)
  const stopping = new AbortController()
  const signalled = firstSignal(process, program.name, () => stopping.abort())
  try {
    const flags = serverCommand(program).parse(process.argv).opts<ServerFlags>()
    const service = await program.start(configSources(flags, process.env), stopping.signal)
    printNote(`${program.name}: ${service.summary}`)
    await signalled
    printNote(`${program.name}: stopping`)
    await service.stop()
    process.exit(0) // a caller that never ends its TLS handshake would keep the process for minutes
  } catch (error) {
    process.exitCode = exitCodeOf(error, stopping.signal)
  }
}

function exitCodeOf(error: unknown, { aborted }: AbortSignal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2 // it has said what it has to say
  return aborted && isAbort(error) ? 0 : printError(error, serverHints)
}

/** What a start that was waiting for something ends with. */
export function isAbort(error: unknown): boolean {
  return error instanceof VaultError ? error.reason === 'CANCELLED' : (error as Error).name === 'AbortError'
}

/** SIGHUP: the terminal that it was started from is gone. */
const signalCodes = { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 }

/** From now on a signal does not wait. */
export function exitOnSignal(process: NodeJS.Process, name: string): void {
  for (const [signal, code] of Object.entries(signalCodes)) {
    process.on(signal, () => {
      printNote(`${name}: stopping at once: calls in flight are cut`)
      process.exit(code)
    })
  }
}

function firstSignal(process: NodeJS.Process, name: string, stop: () => void): Promise<void> {
  return new Promise((resolve) => {
    const first = () => {
      stop()
      resolve()
      exitOnSignal(process, name)
    }
    for (const signal of Object.keys(signalCodes)) process.once(signal, first)
  })
}
