// The record key of a new version: written to a file of its own, or to standard output, and what is printed about it.
import type { Command } from 'commander'
import { invalidField, VaultError } from '../../core/errors.js'
import { type StoreRecordResponse, triedWrite } from '../../frontend/client.js'
import { type KeyModeName, keyModes } from '../options/key-mode.js'
import type { Session } from '../program/program.js'
import { printLine, printNote, toJson } from '../terminal/output.js'
import { checkKeyOutput } from '../terminal/results.js'
import { mayHaveTakenEffect } from '../transfer/unknown-outcome.js'
import { type PendingKey, writePendingKey } from './pending-key.js'

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
    .option(
      '--key-out <file>',
      'new file for the record key, on disk before the store; without it the record key is printed',
    )
    .option('--force', 'allow --key-out to replace a file')
}

/** A call that stores a version. */
export interface StoreCall<Answer extends StoredVersion> {
  /** Without a record key, the front end or the client makes it. */
  store(recordKey: string | undefined): Promise<Answer>
  /** Lines for people, about the stored version. */
  notes(stored: Answer): string[]
  /** More fields of the JSON output. */
  moreFields?(): object
}

/**
 * Stores with a record key that is on disk before (--key-out), and prints the result. Without --key-out, the front end's answer
 * brings the record key to standard output.
 */
export async function withKeyFile<Answer extends StoredVersion>(
  flags: KeyOutFlags,
  { store, notes, moreFields = () => ({}) }: StoreCall<Answer>,
  { terminal }: Session,
): Promise<void> {
  const { keyOut, mode } = flags
  if (keyOut === undefined && mode !== 'server') checkKeyOutput(terminal)
  const pending = await pendingKeyOf(flags)
  for (const path of pending?.earlier ?? []) printNote(`${path} ${earlierKey}`, terminal)
  const stored = await store(pending?.recordKey).catch((error: unknown) => keepTriedKey(error, pending, terminal))
  await publishKey(pending)
  const { recordKey, version, keyId, storeTime } = stored
  const shownKey = keyOut === undefined && recordKey !== '' ? { recordKey } : {}
  const loss = { done: `stored ${versionText(stored)}`, ...(shownKey.recordKey && { lost: lostKey }) }
  const fields = { ...shownKey, version, keyId, storeTime, ...moreFields() }
  if (flags.json) return await printLine(toJson(fields), terminal, loss)
  if (shownKey.recordKey) await printLine(recordKey, terminal, loss)
  for (const note of notes(stored)) printNote(note, terminal)
  printNote(keyAdvice(recordKey, flags), terminal)
}

const earlierKey =
  'has the record key of an earlier write of unknown outcome: remove it once you know that it opens nothing'

async function pendingKeyOf({ keyOut, mode = 'split', force }: KeyOutFlags): Promise<PendingKey | undefined> {
  if (keyOut === undefined) return undefined
  if (mode === 'server') throw invalidField('--key-out', 'mode server has no record key')
  return writePendingKey({ path: keyOut, flag: '--key-out', replace: force === true }, keyModes[mode])
}

const lostKey = 'its record key is lost, and nothing else opens that version: store the data again'

/** Keeps the key that a write of unknown outcome tried, in its file or on standard output; throws the error again. */
async function keepTriedKey(
  error: unknown,
  pending: PendingKey | undefined,
  terminal: Session['terminal'],
): Promise<never> {
  if (!(error instanceof VaultError) || !mayHaveTakenEffect(error)) {
    await pending?.discard()
    throw error
  }
  if (pending) {
    printNote(`the record key that was tried is in ${pending.path}: it opens the record if it was stored`, terminal)
    throw error
  }
  const { recordKey = '' } = triedWrite(error) ?? triedWrite(error.cause) ?? {}
  if (recordKey === '') throw error
  await printLine(recordKey, terminal, { done: error.message, lost: 'the record key that was tried is lost' })
  printNote('the record key that was tried is on standard output: it opens the record if it was stored', terminal)
  throw error
}

/** For people: `version 3, key id 8c...`. */
export function versionText({ version, keyId }: Pick<StoredVersion, 'version' | 'keyId'>): string {
  return `version ${version}, key id ${keyId.toString('hex')}`
}

async function publishKey(pending: PendingKey | undefined): Promise<void> {
  try {
    await pending?.publish()
  } catch (cause) {
    const message = `the record is stored, and its record key is in ${pending?.path} (${(cause as Error).message})`
    throw new VaultError('INTERNAL', { message, cause })
  }
}

function keyAdvice(recordKey: string, { keyOut }: KeyOutFlags): string {
  if (recordKey === '') return 'mode server: no record key is needed to get it'
  const place = keyOut === undefined ? 'its record key is on standard output' : `its record key is in ${keyOut}`
  return `${place}; keep it: it cannot be shown again`
}
