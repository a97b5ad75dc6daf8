// enc-server up: runs front end and back end in one process, for a vault on one machine.
import { once } from 'node:events'
import type { Command } from 'commander'
import type { ConfigSources } from '../../core/config/config.js'
import { type Session, withExamples } from '../program/program.js'
import { quietGrpc, type RunningService } from '../program/run-server.js'
import { addServerFlags, configSources, type ServerFlags } from '../program/server-flags.js'
import { exitOnSignal, hasTerminal, operatorSignals } from '../program/server-signals.js'
import { printNote } from '../terminal/output.js'

/** Starts front end and back end in this process; resolves when the front end listens. */
export type StartVault = (sources: ConfigSources, signal: AbortSignal) => Promise<RunningService>

const examples = [
  'enc-server up --config config/config.cmd.json',
  'enc-server up --set backend.dataDir=/var/lib/vault/store --set frontend.keyringFile=/var/lib/vault/keyring.json',
]

/** Adds `enc-server up`. */
export function addUp(program: Command, startVault: StartVault, session: Session): void {
  const command = program.command('up').description('Run front end and back end in one process, until Ctrl-C.')
  withExamples(addServerFlags(command), examples).action((flags: ServerFlags) => up(flags, startVault, session))
}

async function up(flags: ServerFlags, startVault: StartVault, session: Session): Promise<void> {
  const { terminal, signal } = session
  quietGrpc(terminal.env)
  const signals = operatorSignals(process)
  session.survivesHangup = !hasTerminal()
  signal.addEventListener('abort', () => exitOnSignal(process, 'enc-server'), { once: true })
  const vault = await startVault(configSources(flags, terminal.env), signal)
  signals.serve(vault)
  printNote(`enc-server: ${vault.summary}`, terminal)
  if (!signal.aborted) await once(signal, 'abort')
  printNote('enc-server: stopping', terminal)
  await vault.stop()
}
