// The configuration flags: shared by the servers and by the commands of enc-server that read the servers' configuration.
import type { Command } from 'commander'
import type { ConfigSources } from '../../core/config/config.js'
import { setVariables } from '../../core/config/environment.js'
import { ListOption } from './list-option.js'

/** The values of the configuration flags. */
export interface ServerFlags {
  config?: string
  set?: string[]
}

const defaultConfigPath = 'config/config.cmd.json'

/** The parser of a flag that may be repeated. */
export function collect(value: string, values: string[] = []): string[] {
  return [...values, value]
}

/** Adds --config and --set. */
export function addServerFlags(command: Command): Command {
  return command
    .option('--config <file>', `configuration file (default: $ENC_SERVER_CONFIG_PATH, else ${defaultConfigPath})`)
    .addOption(new ListOption('--set <setting=value>', 'override one setting, such as backend.port=9999', collect))
    .addHelpText('after', '\ndocs/configuration.md lists all settings and their environment variables.')
}

/** The sources of the configuration: the file of flags or environment, the environment, and the overrides. */
export function configSources(flags: ServerFlags, env: NodeJS.ProcessEnv): ConfigSources {
  const named = flags.config ?? setVariables(env)['ENC_SERVER_CONFIG_PATH']
  return { file: { path: named ?? defaultConfigPath, required: named !== undefined }, env, overrides: flags.set ?? [] }
}
