// What a list shows of a row: that of its entry, which the user's key vouches for, and beside it the back end's word. A
// name counts only where it belongs, so that the back end can swap no names.
import { VaultError } from '../../core/errors.js'
import type { SealedRecord, UserDocument } from '../../gen/encserver/v1/backend.js'
import type { RecordInfo } from '../../gen/encserver/v1/frontend.js'
import { boxGeneration } from '../crypto/box.js'
import { parseHeader } from '../crypto/envelope.js'
import { openListedEntry } from '../crypto/record.js'
import type { User } from '../keys/user-key-source.js'
import { decodeSealedAttributes } from '../vault/sealed-attributes.js'
import { isExpired, type Vault } from '../vault/vault.js'

/** Whose rows they are, and which name a row may have. */
export interface Listing {
  user: User
  document: UserDocument | undefined
  belongs(recordName: string, row: SealedRecord): boolean
}

/** Row by row; null for an entry that does not open or belongs elsewhere, which never fails the list. */
export function openListEntry(vault: Vault, listing: Listing, rows: SealedRecord[]): Promise<(RecordInfo | null)[]> {
  return Promise.all(rows.map((row) => openRow(vault, listing, row)))
}

/** What is shown of opened rows: those that have expired are left out, those that did not open are counted. */
export function shownOf(vault: Vault, opened: (RecordInfo | null)[]): { shown: RecordInfo[]; unreadableCount: number } {
  const readable = opened.filter((info) => info !== null)
  return {
    shown: readable.filter((info) => !isExpired(vault, info)),
    unreadableCount: opened.length - readable.length,
  }
}

async function openRow(vault: Vault, listing: Listing, row: SealedRecord): Promise<RecordInfo | null> {
  try {
    const { keyId, mode } = parseHeader(row.envelope)
    const { recordName, attributes } = await openEntryOf(vault, listing, { row, keyId })
    if (!listing.belongs(recordName, row)) return null
    const { version, storeTime, sizeBytes } = row
    const told = { version, storeTime, sizeBytes }
    return { recordName, keyId: Buffer.from(keyId), keyMode: mode, ...told, ...decodeSealedAttributes(attributes) }
  } catch (error) {
    if (error instanceof VaultError && ['denied', 'corrupt'].includes(error.kind)) return null
    throw error
  }
}

async function openEntryOf(
  { keyring: { realm }, userKeys, readSuites }: Vault,
  { user, document }: Listing,
  { row, keyId }: { row: SealedRecord; keyId: Buffer },
) {
  const generation = boxGeneration(row.entryBox)
  if (document === undefined || generation === undefined) throw new VaultError('RECORD_KEY_MISMATCH')
  const userKey = await userKeys.open(user, document, generation)
  return openListedEntry({ realm, userId: user.userId, keyId, userKey, readSuites }, row.entryBox)
}
