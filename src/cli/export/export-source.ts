// The records that an export opens: those of a keys file, or those of a user that need no record key.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { CallOptions } from '../../core/client/client.js'
import { invalidField, VaultError } from '../../core/errors.js'
import { type FrontendClient, KeyMode } from '../../frontend/client.js'
import { readLines } from '../files/lines.js'
import { foreignLine, type KeyEntry, maxEntryBytes, parseKeyEntry } from '../keys/key-entry.js'
import type { KeyIdSet } from '../keys/key-id-set.js'
import type { ConnectionFlags } from '../options/connection.js'
import type { ReadRequest } from '../options/read-flags.js'
import type { Session } from '../program/program.js'
import type { FailedRecord, JobReport, JobReportFlags } from '../transfer/job-report.js'
import type { TransferItem } from '../transfer/send-window.js'

/** The flags of `feclient export`. */
export interface ExportFlags extends ConnectionFlags, JobReportFlags {
  keys?: string
  user?: string
  out: string
  force?: true
  resume?: true
}

/** A record to export. */
export type ExportItem = TransferItem<ReadRequest> & {
  entry: Pick<KeyEntry, 'user' | 'aad'>
  /** The version to export; of a user's record the version in the list. */
  keyId: Buffer
  /** How a failure names the record. */
  record: FailedRecord
  /** The offset in the keys file after its entry, for the progress line. */
  end: number
}

interface ExportSource {
  client: FrontendClient
  options: CallOptions
  /** The versions that an earlier run has exported. */
  exported: KeyIdSet
  report: JobReport
}

const overheadBytes = 1024

interface ExportItems {
  items: AsyncIterable<ExportItem>
  /** The size of the keys file. */
  totalBytes: number | undefined
}

/** The records that the flags name, without those that an earlier run has exported. */
export async function exportItems({ keys, user = '' }: ExportFlags, source: ExportSource): Promise<ExportItems> {
  if (keys === undefined) return { items: itemsOfUser(user, source), totalBytes: undefined }
  return { items: itemsOfKeys(keys, source), totalBytes: (await stat(keys)).size }
}

interface SenderContext {
  flags: ExportFlags
  report: JobReport
  session: Pick<Session, 'signal'>
}

/** The sender that retrieves many records over one stream. */
export function retrieveSender(client: FrontendClient, { flags, report, session }: SenderContext) {
  return {
    send: client.retrieveRecords,
    signal: session.signal,
    stallMs: flags.timeout * 1000,
    onWaiting: ({ reason }: VaultError) => report.note(`waiting for the server: ${reason}`),
  }
}

/** The records of a keys file, each in exactly the version of its entry. */
async function* itemsOfKeys(path: string, { exported, report }: ExportSource): AsyncGenerator<ExportItem> {
  for await (const { entry, end } of entriesOf(path)) {
    const { user, name, aad, keyId, recordKey, from } = entry
    if (exported.has(keyId)) {
      report.addSkipped()
      continue
    }
    const request = { userId: user, recordName: name, recordKey, callerAad: aad, expectKeyId: keyId }
    const size = 'line' in from ? from.lineBytes : from.fileBytes
    // Failures do not name the input's line: the user who exports may never have seen that file.
    yield { request, entry, keyId, record: { user, name }, end, bytes: size + overheadBytes }
  }
}

/** The entries of a keys file, and the offset after each. Throws INVALID_REQUEST for any other file. */
export async function* entriesOf(path: string): AsyncGenerator<{ entry: KeyEntry; end: number }> {
  for await (const { text, number, end } of readLines(createReadStream(path), maxEntryBytes))
    yield { entry: entryOf(path, { text, number }), end }
}

function entryOf(path: string, { text, number }: { text: Buffer | undefined; number: number }): KeyEntry {
  try {
    return parseKeyEntry(text)
  } catch (error) {
    throw invalidField('--keys', `must be a keys file as import wrote it; ${foreignLine(path, number, error).message}`)
  }
}

/** The records of mode `server` of a user. */
async function* itemsOfUser(userId: string, source: ExportSource): AsyncGenerator<ExportItem> {
  const { client, options, exported, report } = source
  let locked = 0
  let pageToken = ''
  do {
    const page = await client.listRecords({ userId, pageToken }, options)
    for (const { recordName, keyId, keyMode, sizeBytes } of page.records) {
      if (keyMode !== KeyMode.KEY_MODE_SERVER) locked += 1
      else if (exported.has(keyId)) report.addSkipped()
      else yield itemOfUser({ userId, recordName, keyId }, Number(sizeBytes))
    }
    await reportUnreadable(page.unreadableCount, { userId, report })
    pageToken = page.nextPageToken
  } while (pageToken !== '')
  if (locked > 0) report.note(`${locked} records need their record keys, and are left out: --keys FILE exports them`)
}

function itemOfUser(listed: { userId: string; recordName: string; keyId: Buffer }, sizeBytes: number): ExportItem {
  const { userId, recordName, keyId } = listed
  return {
    request: { userId, recordName, recordKey: '' },
    entry: { user: userId, aad: Buffer.alloc(0) },
    keyId,
    record: { user: userId, name: recordName },
    end: 0,
    bytes: sizeBytes + overheadBytes,
  }
}

async function reportUnreadable(count: number, { userId, report }: { userId: string; report: JobReport }) {
  const error = new VaultError('RECORD_CORRUPT', { message: 'an entry of the list could not be opened' })
  for (let at = 0; at < count; at += 1) await report.addFailure({ user: userId }, error)
}
