// The flags of the subcommands that store one new record (store, upload), and the request they make.
import type { Command } from 'commander'
import type { RequestInput } from '../../frontend/client.js'
import type { StoreRecordRequest } from '../../gen/encserver/v1/frontend.js'
import { readAad } from '../files/input.js'
import { addKeyOutOption, type KeyOutFlags } from '../keys/key-out.js'
import type { Session } from '../program/program.js'
import { addRecordFlags, type RecordFlags } from './frontend-call.js'
import { addModeFlag, keyModeField } from './key-mode.js'
import {
  addConditionFlags,
  addWriteFlags,
  type ConditionFlags,
  preconditionOf,
  type WriteFlags,
  writeFieldsOf,
} from './write-flags.js'

/** The values of the flags of a subcommand that stores one record. */
export interface StoreFlags extends RecordFlags, KeyOutFlags, WriteFlags, ConditionFlags {
  in?: string
  aadFile?: string
}

/** Adds all flags but those of the connection; `reader` is the subcommand that opens the record again. */
export function addStoreFlags(command: Command, reader: string): Command {
  addRecordFlags(command).option('--in <file>', 'file with the data; - is standard input (default: standard input)')
  addModeFlag(addKeyOutOption(command)).option(
    '--aad-file <file>',
    `bytes to bind to the record: \`feclient ${reader}\` must give the same`,
  )
  return addWriteFlags(addConditionFlags(command)).option('--json', 'print one JSON object')
}

/** The request that the flags describe, without the data; reads the bound bytes. */
export async function storeRequestOf(
  flags: StoreFlags,
  session: Session,
): Promise<RequestInput<Omit<StoreRecordRequest, 'data'>>> {
  const { user, name = '', mode, aadFile } = flags
  const callerAad = await readAad(aadFile, session)
  const record = { userId: user, recordName: name, callerAad, ...keyModeField(mode), ...writeFieldsOf(flags) }
  return { ...record, precondition: preconditionOf(flags) }
}
