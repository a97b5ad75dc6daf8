// The rows of a list. The name and attributes of a row come from its entry, which the user's key vouches for; version,
// time and size are unverified claims of the back end. A name counts only in the row of its own pseudonym, so that the
// back end cannot swap names.
import { VaultError } from '../../core/errors.js'
import type { SealedRecord, UserDocument } from '../../gen/encserver/v1/backend.js'
import type { RecordInfo } from '../../gen/encserver/v1/frontend.js'
import { boxGeneration } from '../crypto/box.js'
import { parseHeader } from '../crypto/envelope.js'
import { openListedEntry } from '../crypto/record.js'
import type { User } from '../keys/user-key-source.js'
import { decodeSealedAttributes } from '../vault/sealed-attributes.js'
import { isExpired, type Vault } from '../vault/vault.js'

/** The owner of the rows, and the name that each row may have. */
export interface ListScope {
  user: User
  document: UserDocument | undefined
  belongs(recordName: string, row: SealedRecord): boolean
}

/** Opens row by row; null for an entry that does not open or belongs elsewhere, which never fails the list. */
export function openListEntries(vault: Vault, scope: ListScope, rows: SealedRecord[]): Promise<(RecordInfo | null)[]> {
  return Promise.all(rows.map((row) => openRow(vault, scope, row)))
}

/** The opened rows without expired ones, and the number of rows that did not open. */
export function visibleEntries(
  vault: Vault,
  opened: (RecordInfo | null)[],
): { visible: RecordInfo[]; unreadableCount: number } {
  const readable = opened.filter((info) => info !== null)
  return {
    visible: readable.filter((info) => !isExpired(vault, info)),
    unreadableCount: opened.length - readable.length,
  }
}

async function openRow(vault: Vault, scope: ListScope, row: SealedRecord): Promise<RecordInfo | null> {
  try {
    const { keyId, mode, commitment } = parseHeader(row.envelope)
    const { recordName, attributes } = await openEntry(vault, scope, { row, keyId })
    if (!scope.belongs(recordName, row)) return null
    const { version, storeTime, sizeBytes } = row
    const unverified = { version, storeTime, sizeBytes }
    const { attributes: given, expireTime } = decodeSealedAttributes(attributes, commitment)
    const described = { attributes: given, expireTime }
    return { recordName, keyId: Buffer.from(keyId), keyMode: mode, ...unverified, ...described }
  } catch (error) {
    if (error instanceof VaultError && ['denied', 'corrupt'].includes(error.kind)) return null
    throw error
  }
}

async function openEntry(
  { keyring: { realm }, userKeys, readSuites }: Vault,
  { user, document }: ListScope,
  { row, keyId }: { row: SealedRecord; keyId: Buffer },
) {
  const generation = boxGeneration(row.entryBox)
  if (document === undefined || generation === undefined) throw new VaultError('RECORD_KEY_MISMATCH')
  const userKey = await userKeys.open(user, document, generation)
  return openListedEntry({ realm, userId: user.userId, keyId, userKey, readSuites }, row.entryBox)
}
