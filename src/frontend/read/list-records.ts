// Lists one page of a user's records. A name counts only if its pseudonym is the row's. Rows that do not open are
// counted; expired rows are left out.
import { pseudonymBytes, recordIdBytes } from '../../core/envelope-sizes.js'
import { invalidField, VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'
import type { ListRecordsRequest, ListRecordsResponse } from '../../gen/encserver/v1/frontend.js'
import type { Vault } from '../vault/vault.js'
import { openListEntries, visibleEntries } from './list-entry.js'
import { decodePageToken, encodePageToken } from './page-token.js'

const defaultPageSize = 100
const maxPageSize = 1000

/** A page for a checked user id; rejects with INVALID_REQUEST for a page size or token that is not valid. */
export async function listRecords(
  vault: Vault,
  request: ListRecordsRequest,
  call: CallContext,
): Promise<ListRecordsResponse> {
  const { userId } = request
  const pageSize = pageSizeOf(request.pageSize)
  const userPseudonyms = vault.ids.users(userId)
  const user = { userId, pseudonym: userPseudonyms[0] }
  const after = afterRecordId(request.pageToken, userPseudonyms)
  const page = await vault.backend.listEnvelopes({ userPseudonyms, pageSize, afterRecordId: after }, call)
  const belongs = (recordName: string, row: SealedRecord) => isNameOf(vault, { userId, recordName }, row)
  const opened = await openListEntries(vault, { user, document: page.user, belongs }, page.records)
  const { visible: records, unreadableCount } = visibleEntries(vault, opened)
  return { records, nextPageToken: pageTokenOf(page.nextAfterRecordId, { userPseudonyms, after }), unreadableCount }
}

function pageSizeOf(requested: number): number {
  if (requested < 0) throw invalidField('page_size', 'must not be negative')
  return requested === 0 ? defaultPageSize : Math.min(requested, maxPageSize)
}

function afterRecordId(pageToken: string, userPseudonyms: Buffer[]): Buffer {
  if (pageToken === '') return Buffer.alloc(0)
  const { recordPseudonym, userKid } = decodePageToken(pageToken)
  const userPseudonym = userPseudonyms.find((pseudonym) => pseudonym.readUInt32BE(0) === userKid)
  if (userPseudonym === undefined) throw invalidField('page_token', 'is too old: start again with the first page')
  return Buffer.concat([userPseudonym, recordPseudonym])
}

/** The token of the next page; throws INTERNAL for a position of another user, and for one that repeats or steps back. */
function pageTokenOf(next: Buffer, { userPseudonyms, after }: { userPseudonyms: Buffer[]; after: Buffer }): string {
  if (next.length === 0) return ''
  const placeOf = (recordId: Buffer) => userPseudonyms.findIndex((pseudonym) => recordId.indexOf(pseudonym) === 0)
  const place = placeOf(next)
  // The order of the records of one pseudonym is the engine's, so only an equal position is known to make no progress.
  const isForward = after.length === 0 || (place >= placeOf(after) && !next.equals(after))
  if (next.length !== recordIdBytes || place < 0 || !isForward) {
    throw new VaultError('INTERNAL', { cause: 'next_after_record_id is no position behind this page' })
  }
  return encodePageToken({ recordPseudonym: next.subarray(pseudonymBytes), userKid: next.readUInt32BE(0) })
}

function isNameOf({ ids }: Vault, name: { userId: string; recordName: string }, { recordId }: SealedRecord): boolean {
  const recordPseudonym = recordId.subarray(pseudonymBytes)
  const kid = recordPseudonym.length === pseudonymBytes ? recordPseudonym.readUInt32BE(0) : 0
  return ids.recordPseudonym(kid, name)?.equals(recordPseudonym) ?? false
}
