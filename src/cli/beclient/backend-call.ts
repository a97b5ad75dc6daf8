// A subcommand's call of the back end: its flags, its connection, its errors.

import type { Command } from 'commander'
import { type BackendClient, backendClient, newCall } from '../../backend/client.js'
import { withConnectionErrors } from '../../core/client/connection-error.js'
import type { CallContext } from '../../core/methods.js'
import { addConnectionFlags, type ConnectionFlags, callOptionsOf, channelOf } from '../options/connection.js'
import type { Session } from '../program/program.js'

export const backendTarget = { variable: 'ENC_SERVER_BACKEND_TARGET', address: '127.0.0.1:8888' }

/** What names a record there, for help. */
export const recordIdText =
  "72 bytes: the user's pseudonym, then the record's, as `beclient list` and `enc-server inspect` show them"

export interface BackendFlags extends ConnectionFlags {
  json?: true
}

export function addBackendFlags(command: Command): Command {
  return addConnectionFlags(command.option('--json', 'print JSON'), backendTarget)
}

/** Makes the context of one call: its time begins when it is made. */
export type NewCall = () => CallContext

/** Connects, works and closes. */
export async function withBackend<T>(
  flags: ConnectionFlags,
  session: Session,
  work: (methods: BackendClient['methods'], call: NewCall) => Promise<T>,
): Promise<T> {
  const channel = channelOf(flags, backendTarget, session.terminal.env)
  const { methods, close } = backendClient(channel)
  try {
    return await withConnectionErrors(channel, () => work(methods, () => newCall(callOptionsOf(flags, session))))
  } finally {
    close()
  }
}
