// The flags of the subcommands that open a record, and the request they make.
import { type Command, Option } from 'commander'
import { keyIdBytes } from '../../core/envelope-sizes.js'
import { VaultError } from '../../core/errors.js'
import type { RequestInput } from '../../frontend/client.js'
import type { RetrieveRecordRequest } from '../../gen/encserver/v1/frontend.js'
import { hexOf, type KeyFlags, readAad, readRecordKey } from '../files/input.js'
import type { Session } from '../program/program.js'
import type { RecordFlags } from './frontend-call.js'
import { wholeNumber } from './write-flags.js'

/** The values of the flags of a subcommand that opens a record. */
export interface ReadFlags extends RecordFlags, KeyFlags {
  aadFile?: string
  expectKeyId?: Buffer
  version?: number
}

/** The request for a record. */
export type ReadRequest = RequestInput<RetrieveRecordRequest> & Pick<RetrieveRecordRequest, 'recordName' | 'recordKey'>

/** Adds the flags for the record key and the bound bytes. */
export function addKeyFlags(command: Command): Command {
  return command
    .option('--key-file <file>', 'file with the record key')
    .addOption(new Option('--key-stdin', 'read the record key from standard input').conflicts('keyFile'))
    .option('--aad-file <file>', 'the bytes that were bound to the record when it was stored')
}

/** Adds the flags for the record key, the bound bytes and the version. */
export function addReadFlags(command: Command): Command {
  return addKeyFlags(command)
    .option('--version <n>', 'a kept version, which has its own record key (default: the newest)', wholeNumber(1))
    .option(
      '--expect-key-id <hex>',
      'refuse a version with another key id: protects against rollback',
      hexOf(keyIdBytes),
    )
}

/** The request that the flags describe; reads the record key and the bound bytes. */
export async function readRequestOf(flags: ReadFlags, session: Session): Promise<ReadRequest> {
  const { user, name = '', aadFile, expectKeyId, version } = flags
  const recordKey = await readRecordKey(flags, session)
  const callerAad = await readAad(aadFile, session)
  const which = { ...(expectKeyId && { expectKeyId }), ...(version !== undefined && { version: BigInt(version) }) }
  return { userId: user, recordName: name, recordKey, callerAad, ...which }
}

/**
 * Explains RECORD_KEY_MISMATCH for a request without a record key; returns any other error as it is. The front end
 * answers the same for a record that needs a key and for a record of mode `server` with other bound bytes.
 */
export function explainMissingKey(cause: unknown, { recordKey }: Pick<ReadRequest, 'recordKey'>): unknown {
  if (recordKey !== '' || !(cause instanceof VaultError) || cause.reason !== 'RECORD_KEY_MISMATCH') return cause
  const message = 'the record does not open without a record key'
  const fields = [{ field: 'no record key', description: message }]
  const { requestId } = cause
  return new VaultError(cause.reason, { message, fields, cause, ...(requestId !== undefined && { requestId }) })
}
