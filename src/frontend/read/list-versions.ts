// The kept versions of a record. Each has its own entry, with the name in it; with the current version, all of them
// expire.
import { VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import type { ListRecordVersionsRequest, ListRecordVersionsResponse } from '../../gen/encserver/v1/frontend.js'
import type { User } from '../keys/user-key-source.js'
import { isExpired, type Vault } from '../vault/vault.js'
import { openListEntry, shownOf } from './list-entry.js'

/** A checked request and where its record lies. */
export interface ListingVersions {
  user: User
  recordIds: Buffer[]
  request: ListRecordVersionsRequest
}

/** Rejects with RECORD_NOT_FOUND when there is no version, or none that has not expired. */
export async function listVersions(
  vault: Vault,
  { user, recordIds, request }: ListingVersions,
  call: CallContext,
): Promise<ListRecordVersionsResponse> {
  const { records, user: document } = await vault.backend.listEnvelopeVersions({ recordIds }, call)
  const belongs = (recordName: string) => recordName === request.recordName
  const opened = await openListEntry(vault, { user, document, belongs }, records)
  const [current] = opened
  const { shown: versions, unreadableCount } = shownOf(vault, opened)
  if ((current && isExpired(vault, current)) || versions.length + unreadableCount === 0) {
    throw new VaultError('RECORD_NOT_FOUND')
  }
  return { versions, unreadableCount }
}
