// One page of a user's records: the rows of each pseudonym, newest pseudonym first.
import type { SealedRecord, UserDocument } from '../../gen/encserver/v1/backend.js'
import { listedBytes } from '../record/page-builder.js'
import { userPseudonymOf } from '../record/record-id.js'
import type { RecordPage, Store, StoreCall } from '../store/store.js'

const maxPageBytes = 1024 * 1024

/** The page to read. */
export interface UserPageQuery {
  user: UserDocument
  /** Newest first. */
  pseudonyms: Buffer[]
  /** The record id before the page, which begins with one of the pseudonyms; undefined for the first page. */
  after: Buffer | undefined
  limit: number
  now: Date
}

/** The index of the pseudonym at which the page begins. */
function startOf({ pseudonyms, after }: UserPageQuery): number {
  return after ? pseudonyms.findIndex((pseudonym) => pseudonym.equals(userPseudonymOf(after))) : 0
}

/** Reads the page: at most `limit` records and 1 MiB, or one larger record. */
export async function listPage(store: Store, query: UserPageQuery, call: StoreCall): Promise<RecordPage> {
  const { user, pseudonyms, limit, now } = query
  const records: SealedRecord[] = []
  let { after } = query
  let roomBytes = maxPageBytes
  for (const userPseudonym of pseudonyms.slice(startOf(query))) {
    const last = records.at(-1)
    if (last && (records.length === limit || roomBytes <= 0)) return { records, next: last.recordId }
    const room = { limit: limit - records.length, maxBytes: roomBytes }
    const page = await store.listRecords({ userPseudonym, userUid: user.userUid, now, after, ...room }, call)
    records.push(...page.records)
    if (page.next) return { records, next: page.next }
    roomBytes -= page.records.reduce((sum, record) => sum + listedBytes(record), 0)
    after = undefined
  }
  return { records, next: undefined }
}
