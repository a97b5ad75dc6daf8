// The record key of a new version: written to a file of its own, or to standard output, and what is printed about it.
import type { Command } from 'commander'
import { invalidField, VaultError } from '../../core/errors.js'
import { type StoreRecordResponse, triedWrite } from '../../frontend/client.js'
import { type AtomicFile, openAtomicFile } from '../files/atomic-file.js'
import type { KeyModeName } from '../options/key-mode.js'
import type { Session } from '../program/program.js'
import { printLine, printNote, toJson } from '../terminal/output.js'
import { checkKeyOutput } from '../terminal/results.js'
import { mayHaveTakenEffect } from '../transfer/unknown-outcome.js'

/** The flags that say where the record key goes. */
export interface KeyOutFlags {
  keyOut?: string
  force?: true
  mode?: KeyModeName
  json?: true
}

/** The answer of a store, an upload or a restore. */
export type StoredVersion = Pick<StoreRecordResponse, 'recordKey' | 'version' | 'keyId' | 'storeTime'>

/** Adds --key-out and --force. */
export function addKeyOutOption(command: Command): Command {
  return command
    .option('--key-out <file>', 'new file for the record key, with mode 0600; without it the record key is printed')
    .option('--force', 'allow --key-out to replace a file')
}

/** A call that stores a version. */
export interface StoreCall<Answer extends StoredVersion> {
  store(): Promise<Answer>
  /** Lines for people, about the stored version. */
  notes(stored: Answer): string[]
  /** More fields of the JSON output. */
  moreFields?(): object
}

/**
 * Stores, writes the record key and prints the result. The key file is opened before the store: a record whose key cannot be
 * written is lost.
 */
export async function withKeyFile<Answer extends StoredVersion>(
  flags: KeyOutFlags,
  { store, notes, moreFields = () => ({}) }: StoreCall<Answer>,
  { terminal }: Session,
): Promise<void> {
  const { keyOut, mode, force = false } = flags
  if (keyOut !== undefined && mode === 'server') throw invalidField('--key-out', 'mode server has no record key')
  if (keyOut === undefined && mode !== 'server') checkKeyOutput(terminal)
  const keyFile =
    keyOut === undefined ? undefined : await openAtomicFile({ path: keyOut, flag: '--key-out', replace: force })
  try {
    const stored = await store().catch((error: unknown) => keepTriedKey(error, flags, terminal))
    await writeKey(stored.recordKey, keyFile)
    const { recordKey, version, keyId, storeTime } = stored
    const shownKey = keyOut === undefined && recordKey !== '' ? { recordKey } : {}
    const loss = { done: `stored ${versionText(stored)}`, ...(shownKey.recordKey && { lost: lostKey }) }
    const fields = { ...shownKey, version, keyId, storeTime, ...moreFields() }
    if (flags.json) return await printLine(toJson(fields), terminal, loss)
    if (shownKey.recordKey) await printLine(recordKey, terminal, loss)
    for (const note of notes(stored)) printNote(note, terminal)
    printNote(keyAdvice(recordKey, flags), terminal)
  } finally {
    await keyFile?.discard()
  }
}

const lostKey = 'its record key is lost, and nothing else opens that version: store the data again'

/** Keeps the key that a write of unknown outcome tried, beside the key file or on standard output; throws the error again. */
async function keepTriedKey(error: unknown, { keyOut }: KeyOutFlags, terminal: Session['terminal']): Promise<never> {
  if (!(error instanceof VaultError) || !mayHaveTakenEffect(error)) throw error
  const { recordKey = '' } = triedWrite(error) ?? triedWrite(error.cause) ?? {}
  if (recordKey === '') throw error
  if (keyOut === undefined) {
    await printLine(recordKey, terminal, { done: error.message, lost: 'the record key that was tried is lost' })
    printNote('the record key that was tried is on standard output: it opens the record if it was stored', terminal)
    throw error
  }
  const path = `${keyOut}.tried`
  const file = await openAtomicFile({ path, flag: '--key-out', replace: true })
  await file.commit(Buffer.from(`${recordKey}\n`)).finally(file.discard)
  printNote(`the record key that was tried is in ${path}: it opens the record if it was stored`, terminal)
  throw error
}

/** For people: `version 3, key id 8c...`. */
export function versionText({ version, keyId }: Pick<StoredVersion, 'version' | 'keyId'>): string {
  return `version ${version}, key id ${keyId.toString('hex')}`
}

async function writeKey(recordKey: string, file: AtomicFile | undefined): Promise<void> {
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
