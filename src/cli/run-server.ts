// What every server program does around its service: flags, signals, the exit code.
import { Command } from 'commander'
import type { ConfigSources } from '../core/config.js'
import { printError, printNote } from './output.js'

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

const defaultConfigPath = 'config/config.json'

function collect(value: string, all: string[]): string[] {
  return [...all, value]
}

function commandOf({ name, description, examples }: ServerProgram): Command {
  return new Command(name)
    .description(description)
    .option('--config <file>', `configuration file (default: $ENC_SERVER_CONFIG_PATH, else ${defaultConfigPath})`)
    .option('--set <setting=value>', 'override one setting, such as backend.port=9999; may be repeated', collect, [])
    .addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`)
    .allowExcessArguments(false)
}

/** Where the configuration comes from, as flags and environment say. */
export function configSources(flags: { config?: string; set: string[] }, env: NodeJS.ProcessEnv): ConfigSources {
  const named = flags.config ?? env['ENC_SERVER_CONFIG_PATH']
  return { file: { path: named ?? defaultConfigPath, required: named !== undefined }, env, overrides: flags.set }
}

/** Runs until SIGTERM or SIGINT; a second signal does not wait. Sets the exit code. */
export async function runServer(program: ServerProgram, process: NodeJS.Process): Promise<void> {
  const command = commandOf(program).parse(process.argv)
  const stopping = new AbortController()
  const signalled = onSignal(process, () => stopping.abort())
  try {
    const sources = configSources(command.opts(), process.env)
    const service = await program.start(sources, stopping.signal)
    printNote(`${program.name}: ${service.summary}`)
    await signalled
    printNote(`${program.name}: stopping`)
    await service.stop()
  } catch (error) {
    if (!stopping.signal.aborted) process.exitCode = printError(error)
  }
}

function onSignal(process: NodeJS.Process, stop: () => void): Promise<void> {
  return new Promise((resolve) => {
    const first = () => {
      stop()
      resolve()
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(130))
    }
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, first)
  })
}
