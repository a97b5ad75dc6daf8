// Where the record key of a new version goes: to standard output alone, or to a file of its own; and what is said of it.

import type { Command } from 'commander'
import { invalidField, VaultError } from '../../core/errors.js'
import type { StoreRecordResponse } from '../../frontend/client.js'
import { type AtomicFile, openAtomicFile } from '../files/atomic-file.js'
import type { KeyModeName } from '../options/key-mode.js'
import type { Session } from '../program/program.js'
import { printLine, printNote, toJson } from '../terminal/output.js'

export interface KeyOutFlags {
  keyOut?: string
  force?: true
  mode?: KeyModeName
  json?: true
}

/** What a store, an upload and a restore answer. */
export type Stored = Pick<StoreRecordResponse, 'recordKey' | 'version' | 'keyId' | 'storeTime'>

export function addKeyOutOption(command: Command): Command {
  return command
    .option('--key-out <file>', 'write the record key to a new file, for its owner only, and print none')
    .option('--force', 'let --key-out replace a file')
}

export interface Storing<Answer extends Stored> {
  store(): Promise<Answer>
  /** For people: what was stored, a line each. */
  notes(stored: Answer): string[]
  /** For scripts, beside what every store answers. */
  more?(): object
}

/** Stores, keeps the key and prints what came of it. The file is opened first: a key that cannot be kept is a record lost. */
export async function withKeyFile<Answer extends Stored>(
  flags: KeyOutFlags,
  { store, notes, more = () => ({}) }: Storing<Answer>,
  { terminal }: Session,
): Promise<void> {
  const { keyOut, mode, force = false } = flags
  if (keyOut !== undefined && mode === 'server') throw invalidField('--key-out', 'mode server has no record key')
  const keyFile =
    keyOut === undefined ? undefined : await openAtomicFile({ path: keyOut, flag: '--key-out', replace: force })
  try {
    const stored = await store()
    await keepKey(stored.recordKey, keyFile)
    const { recordKey, version, keyId, storeTime } = stored
    const shownKey = keyOut === undefined && recordKey !== '' ? { recordKey } : {}
    if (flags.json) return printLine(toJson({ ...shownKey, version, keyId, storeTime, ...more() }), terminal)
    if (shownKey.recordKey) printLine(recordKey, terminal)
    for (const note of notes(stored)) printNote(note, terminal)
    printNote(keyAdvice(recordKey, flags), terminal)
  } finally {
    await keyFile?.discard()
  }
}

/** "version 3, key id 8c..." */
export function versionText({ version, keyId }: Pick<Stored, 'version' | 'keyId'>): string {
  return `version ${version}, key id ${keyId.toString('hex')}`
}

async function keepKey(recordKey: string, file: AtomicFile | undefined): Promise<void> {
  if (file === undefined || recordKey === '') return
  try {
    await file.commit(Buffer.from(`${recordKey}\n`))
  } catch (cause) {
    const message = `the record is stored, but its key could not be written (${(cause as Error).message}): store it again`
    throw new VaultError('INTERNAL', { message, cause })
  }
}

function keyAdvice(recordKey: string, { keyOut }: KeyOutFlags): string {
  if (recordKey === '') return 'mode server: no record key is needed to get it'
  const place = keyOut === undefined ? 'its record key is on standard output' : `its record key is in ${keyOut}`
  return `${place}; keep it: it cannot be shown again`
}
