// A subcommand's call of the front end: its flags, its connection, its errors.

import { type Command, InvalidArgumentError } from 'commander'
import type { CallOptions } from '../../core/client/client.js'
import { withConnectionErrors } from '../../core/client/connection-error.js'
import { type FrontendClient, frontendClient } from '../../frontend/client.js'
import type { Session } from '../program/program.js'
import { addConnectionFlags, type ConnectionFlags, callOptionsOf, channelOf } from './connection.js'

export const frontendTarget = { variable: 'ENC_SERVER_FRONTEND_TARGET', address: '127.0.0.1:7777' }

export interface RecordFlags extends ConnectionFlags {
  user: string
  name?: string
  json?: true
}

/** The flags that name a record; a subcommand's own come after them. */
export function addRecordFlags(command: Command): Command {
  return command
    .requiredOption('--user <id>', 'whose record')
    .option('--name <name>', "which record; without it the user's one unnamed record", parseName)
}

/** An empty one is a variable that was not set, more often than not. */
function parseName(text: string): string {
  if (text === '') throw new InvalidArgumentError('Leave --name out for the unnamed record.')
  return text
}

/** The flags that end every subcommand. */
export function addFrontendFlags(command: Command): Command {
  return addConnectionFlags(command, frontendTarget)
}

/** Connects, works and closes. */
export async function withFrontend<T>(
  flags: ConnectionFlags,
  session: Session,
  work: (client: FrontendClient, options: CallOptions) => Promise<T>,
): Promise<T> {
  const channel = channelOf(flags, frontendTarget, session.terminal.env)
  const client = frontendClient(channel)
  try {
    return await withConnectionErrors(channel, () => work(client, callOptionsOf(flags, session)))
  } finally {
    client.close()
  }
}
