// Which records an export opens: those of a keys file, or those of a user that need no record key.
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
import type { Failed, JobReport, JobReportFlags } from '../transfer/job-report.js'
import type { Item } from '../transfer/send-window.js'

export interface ExportFlags extends ConnectionFlags, JobReportFlags {
  keys?: string
  user?: string
  out: string
  force?: true
  resume?: true
}

export type ExportItem = Item<ReadRequest> & {
  entry: Pick<KeyEntry, 'user' | 'aad'>
  /** The version wanted, or of a user's record the one that was listed. */
  keyId: Buffer
  /** What a failure is reported under. */
  which: Failed
  /** Where in the keys file the next begins. */
  end: number
}

interface Source {
  /** What is exported already. */
  exported: KeyIdSet
  tally: JobReport
}

const overheadBytes = 1024

interface Records {
  items: AsyncIterable<ExportItem>
  /** Of the keys file. */
  totalBytes: number | undefined
}

/** Those that the flags name. */
export async function recordsOf({ keys, user = '' }: ExportFlags, source: UserSource): Promise<Records> {
  if (keys === undefined) return { items: recordsOfUser(user, source), totalBytes: undefined }
  return { items: recordsOfKeys(keys, source), totalBytes: (await stat(keys)).size }
}

interface Sending {
  flags: ExportFlags
  tally: JobReport
  session: Pick<Session, 'signal'>
}

/** How they are opened, many on one stream. */
export function senderOf(client: FrontendClient, { flags, tally, session }: Sending) {
  return {
    send: client.retrieveRecords,
    signal: session.signal,
    patienceMs: flags.timeout * 1000,
    waiting: ({ reason }: VaultError) => tally.note(`waiting for the server: ${reason}`),
  }
}

/** The records of a keys file, each of exactly the version that its line names. */
async function* recordsOfKeys(path: string, { exported, tally }: Source): AsyncGenerator<ExportItem> {
  for await (const { entry, end } of entriesOf(path)) {
    const { user, name, aad, keyId, recordKey, from } = entry
    if (exported.has(keyId)) {
      tally.skipped()
      continue
    }
    const request = { userId: user, recordName: name, recordKey, callerAad: aad, expectKeyId: keyId }
    const size = 'line' in from ? from.lineBytes : from.fileBytes
    // Not the line, which is one of an input that whoever exports may never have seen.
    yield { request, entry, keyId, which: { user, name }, end, bytes: size + overheadBytes }
  }
}

/** The lines of a keys file, and where the next begins. */
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

interface UserSource extends Source {
  client: FrontendClient
  options: CallOptions
}

/** The records of mode `server` of a user. */
async function* recordsOfUser(userId: string, source: UserSource): AsyncGenerator<ExportItem> {
  const { client, options, exported, tally } = source
  let locked = 0
  let pageToken = ''
  do {
    const page = await client.listRecords({ userId, pageToken }, options)
    for (const { recordName, keyId, keyMode, sizeBytes } of page.records) {
      if (keyMode !== KeyMode.KEY_MODE_SERVER) locked += 1
      else if (exported.has(keyId)) tally.skipped()
      else {
        const entry = { user: userId, aad: Buffer.alloc(0) }
        const which = { user: userId, name: recordName }
        yield {
          request: { userId, recordName, recordKey: '' },
          entry,
          keyId,
          which,
          end: 0,
          bytes: Number(sizeBytes) + overheadBytes,
        }
      }
    }
    await reportUnreadable(page.unreadableCount, { userId, tally })
    pageToken = page.nextPageToken
  } while (pageToken !== '')
  if (locked > 0) tally.note(`${locked} records need their record keys, and are left out: --keys FILE exports them`)
}

async function reportUnreadable(count: number, { userId, tally }: { userId: string; tally: JobReport }): Promise<void> {
  const error = new VaultError('RECORD_CORRUPT', { message: 'an entry of the list could not be opened' })
  for (let at = 0; at < count; at += 1) await tally.failed({ user: userId }, error)
}
