// The flags of everything that reads the services' configuration.
import type { Command } from 'commander'
import type { ConfigSources } from '../../core/config/config.js'

export interface ServerFlags {
  config?: string
  set?: string[]
}

const defaultConfigPath = 'config/config.cmd.json'

function collect(value: string, all: string[] = []): string[] {
  return [...all, value]
}

export function addServerFlags(command: Command): Command {
  return command
    .option('--config <file>', `configuration file (default: $ENC_SERVER_CONFIG_PATH, else ${defaultConfigPath})`)
    .option('--set <setting=value>', 'override one setting, such as backend.port=9999; may be repeated', collect)
    .addHelpText('after', '\nEvery setting, and its variable in the environment: docs/configuration.md')
}

/** Where the configuration comes from, as flags and environment say. */
export function configSources(flags: ServerFlags, env: NodeJS.ProcessEnv): ConfigSources {
  const named = flags.config ?? env['ENC_SERVER_CONFIG_PATH']
  return { file: { path: named ?? defaultConfigPath, required: named !== undefined }, env, overrides: flags.set ?? [] }
}
