// A subcommand's call of the front end: the flags that name a record, the connection flags, and the client's lifetime.
import { type Command, InvalidArgumentError } from 'commander'
import type { CallOptions } from '../../core/client/client.js'
import { withoutTlsWarnings } from '../../core/client/tls-warnings.js'
import { type FrontendClient, frontendClient } from '../../frontend/client.js'
import type { Session } from '../program/program.js'
import { addConnectionFlags, type ConnectionFlags, callOptionsOf, channelOf } from './connection.js'

/** Where feclient connects without --address. */
export const frontendTarget = { variable: 'ENC_SERVER_FRONTEND_TARGET', address: '127.0.0.1:7777' }

/** The values of the flags of a subcommand that works on one record. */
export interface RecordFlags extends ConnectionFlags {
  user: string
  name?: string
  json?: true
}

/** Adds --user and --name. */
export function addRecordFlags(
  command: Command,
  nameHelp = "the record's name (default: the user's one unnamed record)",
): Command {
  return command.requiredOption('--user <id>', "the record's user").option('--name <name>', nameHelp, parseName)
}

// An empty name is most often a shell variable that is not set.
function parseName(text: string): string {
  if (text === '') throw new InvalidArgumentError('Leave --name out for the unnamed record.')
  return text
}

/** Adds the connection flags of the front end; they end the options of a subcommand. */
export function addFrontendFlags(command: Command): Command {
  return addConnectionFlags(command, frontendTarget)
}

/** Runs work with a client of the front end, and closes the client. */
export async function withFrontend<T>(
  flags: ConnectionFlags,
  session: Session,
  work: (client: FrontendClient, options: CallOptions) => Promise<T>,
): Promise<T> {
  const channel = channelOf(flags, frontendTarget, session.terminal.env)
  const client = frontendClient(channel)
  try {
    return await withoutTlsWarnings(channel, () => work(client, callOptionsOf(flags, session)))
  } finally {
    client.close()
  }
}
