// Record ids: user pseudonym || record pseudonym, one for each live pseudonym key, the active key first.
import { recordPseudonym, userPseudonym } from '../crypto/pseudonym.js'
import type { Keyring, PseudonymKey } from './keyring.js'
import type { User } from './user-key-source.js'

/** One value for each live pseudonym key, the active key first. */
export type OnePerKey = [Buffer, ...Buffer[]]

/** The owner of a record, and the ids under which the store may have the record. New versions go to the first id. */
export interface RecordPlace {
  user: User
  recordIds: OnePerKey
}

/** The user and name of a record, as requests give them. */
export interface RecordName {
  userId: string
  recordName: string
}

/** Turns ids into pseudonyms under the keys of one keyring. */
export interface RecordIds {
  /** The pseudonyms of a user. */
  users(userId: string): OnePerKey
  /** The record ids of a record. */
  records(name: RecordName): OnePerKey
  /** The record's pseudonym under one key; undefined for a kid that is not live. */
  recordPseudonym(kid: number, name: RecordName): Buffer | undefined
}

/** The record ids of a vault; the keyring keeps its keys. */
export function recordIds({ realm, pseudonymKeys }: Keyring): RecordIds {
  const userHalf = (key: PseudonymKey, userId: string) => userPseudonym(key, { realm, userId })
  // Only two fields of the name, which may be a whole request: copying that takes half as long as a hash.
  const recordHalf = (key: PseudonymKey, { userId, recordName }: RecordName) =>
    recordPseudonym(key, { realm, userId, recordName })
  const [active, ...older] = pseudonymKeys
  const each = (idUnder: (key: PseudonymKey) => Buffer): OnePerKey => [idUnder(active), ...older.map(idUnder)]
  return {
    users: (userId) => each((key) => userHalf(key, userId)),
    records: (name) => each((key) => Buffer.concat([userHalf(key, name.userId), recordHalf(key, name)])),
    recordPseudonym(kid, name) {
      const key = pseudonymKeys.find((live) => live.kid === kid)
      return key && recordHalf(key, name)
    },
  }
}
