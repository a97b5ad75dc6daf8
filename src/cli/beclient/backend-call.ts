// A subcommand's call of the back end: the flags that all subcommands share, and the client's lifetime.
import type { Command } from 'commander'
import { type BackendClient, backendClient, newCall } from '../../backend/client.js'
import { withoutTlsWarnings } from '../../core/client/tls-warnings.js'
import type { CallContext } from '../../core/methods.js'
import { addConnectionFlags, type ConnectionFlags, callOptionsOf, channelOf } from '../options/connection.js'
import type { Session } from '../program/program.js'

/** Where beclient connects without --address. */
export const backendTarget = { variable: 'ENC_SERVER_BACKEND_TARGET', address: '127.0.0.1:8888' }

/** The help text of --record-id. */
export const recordIdHelp =
  "72 bytes: the user's pseudonym, then the record's; `beclient list` and `enc-server inspect` show it"

/** The values of the flags that all subcommands share. */
export interface BackendFlags extends ConnectionFlags {
  json?: true
}

/** Adds --json and the connection flags. */
export function addBackendFlags(command: Command): Command {
  return addConnectionFlags(command.option('--json', 'print JSON'), backendTarget)
}

/** Makes the context of one call; its timeout starts now. */
export type NewCall = () => CallContext

/** Runs work with a client of the back end, and closes the client. */
export async function withBackend<T>(
  flags: ConnectionFlags,
  session: Session,
  work: (methods: BackendClient['methods'], call: NewCall) => Promise<T>,
): Promise<T> {
  const channel = channelOf(flags, backendTarget, session.terminal.env)
  const { methods, close } = backendClient(channel)
  try {
    return await withoutTlsWarnings(channel, () => work(methods, () => newCall(callOptionsOf(flags, session))))
  } finally {
    close()
  }
}
