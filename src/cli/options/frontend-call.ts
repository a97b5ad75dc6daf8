// A subcommand's call of the front end: its flags, its connection, its errors.
import { type Command, InvalidArgumentError } from 'commander'
import type { CallOptions } from '../../core/client/client.js'
import { type FrontendClient, frontendClient, KeyMode } from '../../frontend/client.js'
import type { Session } from '../program/program.js'
import { addConnectionOptions, type ConnectionFlags, callOptionsOf, channelOf, namingServer } from './connection.js'

export const frontendTarget = { variable: 'ENC_SERVER_FRONTEND_TARGET', address: '127.0.0.1:7777' }

/** The words for key modes, on the command line and in what is printed. */
export const keyModes = {
  client: KeyMode.KEY_MODE_CLIENT,
  server: KeyMode.KEY_MODE_SERVER,
  split: KeyMode.KEY_MODE_SPLIT,
} as const

export type KeyModeName = keyof typeof keyModes

export function keyModeName(mode: KeyMode): string {
  return Object.entries(keyModes).find(([, value]) => value === mode)?.[0] ?? 'unknown'
}

export interface RecordFlags extends ConnectionFlags {
  user: string
  name?: string
  json?: true
}

/** The flags that name a record; a subcommand's own come after them. */
export function addRecordOptions(command: Command): Command {
  return command
    .requiredOption('--user <id>', 'whose record')
    .option('--name <name>', "which record; without it the user's one unnamed record", nameOf)
}

/** An empty one is a variable that was not set, more often than not. */
function nameOf(text: string): string {
  if (text === '') throw new InvalidArgumentError('Leave --name out for the unnamed record.')
  return text
}

/** The flags that end every subcommand. */
export function addFrontendOptions(command: Command): Command {
  return addConnectionOptions(command, frontendTarget)
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
    return await namingServer(channel, () => work(client, callOptionsOf(flags, session)))
  } finally {
    client.close()
  }
}
