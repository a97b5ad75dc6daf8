// A page of a user's records. The back end sends entries; a name counts only if its own pseudonym is the row's, so that
// the back end can swap no names. What does not open is counted, and never fails the page.
import { invalidField, VaultError } from '../core/errors.js'
import type { CallContext } from '../core/methods.js'
import type { SealedRecord, UserDocument } from '../gen/encserver/v1/backend.js'
import type { ListRecordsRequest, ListRecordsResponse, RecordInfo } from '../gen/encserver/v1/frontend.js'
import { boxGeneration } from './crypto/box.js'
import { parseHeader } from './crypto/envelope.js'
import { pseudonymSize } from './crypto/pseudonym.js'
import { openListedEntry } from './crypto/record.js'
import { decodePageToken, encodePageToken } from './page-token.js'
import type { User } from './user-key-source.js'
import type { Vault } from './vault.js'

const defaultPageSize = 100
const maxPageSize = 1000

function pageSizeOf(asked: number): number {
  if (asked < 0) throw invalidField('page_size', 'must not be negative')
  return asked === 0 ? defaultPageSize : Math.min(asked, maxPageSize)
}

function afterRecordId(pageToken: string, userPseudonyms: Buffer[]): Buffer {
  if (pageToken === '') return Buffer.alloc(0)
  const { recordPseudonym, userKid } = decodePageToken(pageToken)
  const userPseudonym = userPseudonyms.find((pseudonym) => pseudonym.readUInt32BE(0) === userKid)
  if (userPseudonym === undefined) throw invalidField('page_token', 'is too old: start again with the first page')
  return Buffer.concat([userPseudonym, recordPseudonym])
}

function pageTokenOf(recordId: Buffer): string {
  if (recordId.length === 0) return ''
  const recordPseudonym = recordId.subarray(pseudonymSize)
  if (recordPseudonym.length !== pseudonymSize)
    throw new VaultError('INTERNAL', { cause: 'next_after_record_id length' })
  return encodePageToken({ recordPseudonym, userKid: recordId.readUInt32BE(0) })
}

/** A page for a checked user id; rejects with INVALID_REQUEST for a page that cannot be. */
export async function listRecords(
  vault: Vault,
  request: ListRecordsRequest,
  call: CallContext,
): Promise<ListRecordsResponse> {
  const { userId } = request
  const pageSize = pageSizeOf(request.pageSize)
  const userPseudonyms = vault.ids.users(userId) as [Buffer, ...Buffer[]]
  const user = { userId, pseudonym: userPseudonyms[0] }
  const page = await vault.backend.listEnvelopes(
    { userPseudonyms, pageSize, afterRecordId: afterRecordId(request.pageToken, userPseudonyms) },
    call,
  )
  const opened = await Promise.all(
    page.records.map((record) => openListed(vault, user, { record, document: page.user })),
  )
  const records = opened.filter((info) => info !== null)
  const unreadableCount = opened.length - records.length
  return { records, nextPageToken: pageTokenOf(page.nextAfterRecordId), unreadableCount }
}

interface Listed {
  record: SealedRecord
  document: UserDocument | undefined
}

/** Null for an entry that does not open or belongs elsewhere. */
async function openListed(vault: Vault, user: User, { record, document }: Listed): Promise<RecordInfo | null> {
  try {
    const { keyId, mode } = parseHeader(record.envelope)
    const recordName = await nameOf(vault, user, { record, document, keyId })
    const { version, storeTime, sizeBytes } = record
    const sealed = { expireTime: undefined, attributes: undefined }
    return { recordName, version, keyId: Buffer.from(keyId), keyMode: mode, sizeBytes, storeTime, ...sealed }
  } catch (error) {
    if (error instanceof VaultError && ['denied', 'corrupt'].includes(error.kind)) return null
    throw error
  }
}

async function nameOf({ ids, keyring, userKeys, readSuites }: Vault, user: User, listed: Listed & { keyId: Buffer }) {
  const { record, document, keyId } = listed
  const generation = boxGeneration(record.entryBox)
  if (document === undefined || generation === undefined) throw new VaultError('RECORD_KEY_MISMATCH')
  const userKey = await userKeys.open(user, document, generation)
  const { userId } = user
  const { recordName } = openListedEntry({ realm: keyring.realm, userId, keyId, userKey, readSuites }, record.entryBox)
  const half = record.recordId.subarray(pseudonymSize)
  const kid = half.length === pseudonymSize ? half.readUInt32BE(0) : 0
  if (!ids.recordHalf(kid, { userId, recordName })?.equals(half))
    throw new VaultError('RECORD_KEY_MISMATCH', { cause: 'name of another row' })
  return recordName
}
