// Lists the kept versions of a record. Each has its own entry, with the name in it. When the current version has expired,
// all versions have.
import { VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import type { ListRecordVersionsResponse } from '../../gen/encserver/v1/frontend.js'
import type { RecordPlace } from '../keys/record-ids.js'
import { isExpired, type Vault } from '../vault/vault.js'
import { openListEntries, visibleEntries } from './list-entry.js'

/** Rejects with RECORD_NOT_FOUND when there is no version, or only expired ones. */
export async function listVersions(
  vault: Vault,
  { user, recordIds, recordName }: RecordPlace & { recordName: string },
  call: CallContext,
): Promise<ListRecordVersionsResponse> {
  const { records, user: document } = await vault.backend.listEnvelopeVersions({ recordIds }, call)
  const belongs = (entryName: string) => entryName === recordName
  const opened = await openListEntries(vault, { user, document, belongs }, records)
  const [current] = opened
  const { visible: versions, unreadableCount } = visibleEntries(vault, opened)
  if ((current && isExpired(vault, current)) || versions.length + unreadableCount === 0) {
    throw new VaultError('RECORD_NOT_FOUND')
  }
  return { versions, unreadableCount }
}
