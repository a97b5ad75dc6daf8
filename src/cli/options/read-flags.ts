// The flags that open a record, the same for every subcommand that opens one.
import { type Command, Option } from 'commander'
import { VaultError } from '../../core/errors.js'
import type { RequestInput } from '../../frontend/client.js'
import type { RetrieveRecordRequest } from '../../gen/encserver/v1/frontend.js'
import { hexOf, type KeyFlags, readAad, readRecordKey } from '../files/input.js'
import type { Session } from '../program/program.js'
import type { RecordFlags } from './frontend-call.js'
import { wholeNumber } from './write-flags.js'

export interface ReadFlags extends RecordFlags, KeyFlags {
  aadFile?: string
  expectKeyId?: Buffer
  version?: number
}

export type ReadRequest = RequestInput<RetrieveRecordRequest> & Pick<RetrieveRecordRequest, 'recordName' | 'recordKey'>

export function addKeyFlags(command: Command): Command {
  return command
    .option('--key-file <file>', 'the record key')
    .addOption(new Option('--key-stdin', 'the record key is on standard input').conflicts('keyFile'))
    .option('--aad-file <file>', 'the bytes bound to the record when it was stored')
}

export function addReadFlags(command: Command): Command {
  return addKeyFlags(command)
    .option('--version <n>', 'an older version that is kept, with its own record key', wholeNumber(1))
    .option('--expect-key-id <hex>', 'refuse any other version than this: protection against rollback', hexOf(16))
}

export async function readRequestOf(flags: ReadFlags, session: Session): Promise<ReadRequest> {
  const { user, name = '', aadFile, expectKeyId, version } = flags
  const recordKey = await readRecordKey(flags, session)
  const callerAad = await readAad(aadFile, session)
  const which = { ...(expectKeyId && { expectKeyId }), ...(version !== undefined && { version: BigInt(version) }) }
  return { userId: user, recordName: name, recordKey, callerAad, ...which }
}

/** The front end does not tell a record that needs a key from one of mode `server` whose bound bytes are others. */
export function explainMissingKey(cause: unknown, { recordKey }: Pick<ReadRequest, 'recordKey'>): unknown {
  if (recordKey !== '' || !(cause instanceof VaultError) || cause.reason !== 'RECORD_KEY_MISMATCH') return cause
  const message = 'the record does not open without a record key'
  const fields = [{ field: 'no record key', description: message }]
  const { requestId } = cause
  return new VaultError(cause.reason, { message, fields, cause, ...(requestId !== undefined && { requestId }) })
}
