// The flags of the subcommands that store one record, and the request they make of them.

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

export interface StoreFlags extends RecordFlags, KeyOutFlags, WriteFlags, ConditionFlags {
  in?: string
  aadFile?: string
}

/** `reading` is the subcommand that opens again what this one stores. */
export function addStoreFlags(command: Command, reading: string): Command {
  addRecordFlags(command).option('--in <file>', 'the data (default, and -: standard input)')
  addModeFlag(addKeyOutOption(command)).option(
    '--aad-file <file>',
    `bytes to bind to the record: a ${reading} must bring the same`,
  )
  return addWriteFlags(addConditionFlags(command)).option('--json', 'print one JSON object')
}

/** All but the data. */
export async function storeRequestOf(flags: StoreFlags, session: Session): Promise<RequestInput<StoreRecordRequest>> {
  const { user, name = '', mode, aadFile } = flags
  const callerAad = await readAad(aadFile, session)
  const record = { userId: user, recordName: name, callerAad, ...keyModeField(mode), ...writeFieldsOf(flags) }
  return { ...record, precondition: preconditionOf(flags) }
}
