// Which records an export opens: those of a keys file, or those of a user that need no record key.
import { createReadStream } from 'node:fs'
import type { CallOptions } from '../core/client.js'
import { VaultError } from '../core/errors.js'
import { type FrontendClient, type Given, KeyMode } from '../frontend/client.js'
import type { RetrieveRecordRequest } from '../gen/encserver/v1/frontend.js'
import { foreignLine, type KeyEntry, maxEntryBytes, parseKeyEntry } from './key-entry.js'
import type { KeyIdSet } from './key-id-set.js'
import { readLines } from './lines.js'
import type { Item } from './send-window.js'
import type { Failed, Tally } from './tally.js'

export type ExportItem = Item<Given<RetrieveRecordRequest>> & {
  entry: Pick<KeyEntry, 'user' | 'aad'>
  /** What a failure is reported under. */
  which: Failed
  /** Where in the keys file the next begins. */
  end: number
}

interface Source {
  /** What is exported already. */
  exported: KeyIdSet
  tally: Tally
}

const overheadBytes = 1024

/** The records of a keys file, each of exactly the version that its line names. */
export async function* recordsOfKeys(path: string, { exported, tally }: Source): AsyncGenerator<ExportItem> {
  for await (const { text, number, end } of readLines(createReadStream(path), maxEntryBytes)) {
    const entry = entryOf(path, { text, number })
    const { user, name, aad, keyId, recordKey, lineBytes, line } = entry
    if (exported.has(keyId)) {
      tally.skipped()
      continue
    }
    const request = { userId: user, recordName: name, recordKey, callerAad: aad, expectKeyId: keyId }
    yield { request, entry, which: { line, user, name }, end, bytes: lineBytes + overheadBytes }
  }
}

function entryOf(path: string, { text, number }: { text: Buffer | undefined; number: number }): KeyEntry {
  try {
    return parseKeyEntry(text)
  } catch (error) {
    throw foreignLine(path, number, error)
  }
}

interface UserSource extends Source {
  client: FrontendClient
  options: CallOptions
}

/** The records of mode `server` of a user. */
export async function* recordsOfUser(userId: string, source: UserSource): AsyncGenerator<ExportItem> {
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
        yield { request: { userId, recordName }, entry, which, end: 0, bytes: Number(sizeBytes) + overheadBytes }
      }
    }
    await reportUnreadable(page.unreadableCount, { userId, tally })
    pageToken = page.nextPageToken
  } while (pageToken !== '')
  if (locked > 0) tally.note(`${locked} records need their record keys, and are left out: --keys FILE exports them`)
}

async function reportUnreadable(count: number, { userId, tally }: { userId: string; tally: Tally }): Promise<void> {
  const error = new VaultError('RECORD_CORRUPT', { message: 'an entry of the list could not be opened' })
  for (let at = 0; at < count; at += 1) await tally.failed({ user: userId }, error)
}
