// enc-server doctor: checks the configuration, keyring and store, whether they belong together, and whether the services can be
// reached. It changes nothing.
import type { Command } from 'commander'
import type { ChannelConfig } from '../../core/client/channel.js'
import type { ConfigSources } from '../../core/config/config.js'
import { addTlsFlags, type TlsFlags, tlsOf } from '../options/connection.js'
import { type Session, withExamples } from '../program/program.js'
import { addServerFlags, configSources, type ServerFlags } from '../program/server-flags.js'
import { type Finding, printFindings } from './findings.js'

/** How to reach the front end, if not by the settings alone. */
export type FrontendAccess = Partial<Pick<ChannelConfig, 'address' | 'tls'>>

type DoctorFlags = ServerFlags & TlsFlags & { address?: string; json?: true }

/** Runs the checks in order; a check that fails to run is a finding, too. */
export type Diagnose = (sources: ConfigSources, access: FrontendAccess) => AsyncIterable<Finding>

const examples = [
  'enc-server doctor',
  'enc-server doctor --config /etc/enc-server/config.json --json',
  'enc-server doctor --address localhost:7777 --tls-ca ca.crt --tls-cert me.crt --tls-key me.key',
]

/** Adds `enc-server doctor`. */
export function addDoctor(program: Command, diagnose: Diagnose, session: Session): void {
  const command = program
    .command('doctor')
    .description('Check configuration, keyring, store and services, and report problems.')
    .option('--json', 'print one JSON object per line')
  addServerFlags(command).addHelpText(
    'after',
    '\nThe doctor changes nothing. It exits with 1 if it finds an error; warnings alone do not count.',
  )
  command.optionsGroup('Connection to the front end:')
  command.option('--address <host:port>', 'front end to ask (default: frontend.host and frontend.port)')
  withExamples(addTlsFlags(command), examples).action((flags: DoctorFlags) => examine(flags, diagnose, session))
}

function accessOf(flags: DoctorFlags): FrontendAccess {
  return { ...(flags.address !== undefined && { address: flags.address }), ...tlsOf(flags) }
}

function examine(flags: DoctorFlags, diagnose: Diagnose, { terminal }: Session): Promise<void> {
  const output = { json: flags.json === true, terminal, failure: 'the doctor found errors, see above' }
  return printFindings(diagnose(configSources(flags, terminal.env), accessOf(flags)), output)
}
