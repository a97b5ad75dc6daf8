// Where a record lies: user pseudonym || record pseudonym, once for every live pseudonym key, the active one first.
import { recordPseudonym, userPseudonym } from '../crypto/pseudonym.js'
import type { Keyring, PseudonymKey } from './keyring.js'

/** One for each live key. */
export type OnePerKey = [Buffer, ...Buffer[]]

/** Turns ids into pseudonyms under the keys of one keyring. */
export interface RecordIds {
  users(userId: string): OnePerKey
  records(name: { userId: string; recordName: string }): OnePerKey
  /** The record's half under one key; undefined for a kid that is not live. */
  recordHalf(kid: number, name: { userId: string; recordName: string }): Buffer | undefined
}

export function recordIds({ realm, pseudonymKeys }: Keyring): RecordIds {
  const userHalf = (key: PseudonymKey, userId: string) => userPseudonym(key, { realm, userId })
  // Not all of the name, which may be a whole request: to copy that takes as long as half of a hash.
  const recordHalf = (key: PseudonymKey, { userId, recordName }: { userId: string; recordName: string }) =>
    recordPseudonym(key, { realm, userId, recordName })
  const [active, ...older] = pseudonymKeys
  const each = (idUnder: (key: PseudonymKey) => Buffer): OnePerKey => [idUnder(active), ...older.map(idUnder)]
  return {
    users: (userId) => each((key) => userHalf(key, userId)),
    records: (name) => each((key) => Buffer.concat([userHalf(key, name.userId), recordHalf(key, name)])),
    recordHalf(kid, name) {
      const key = pseudonymKeys.find((live) => live.kid === kid)
      return key && recordHalf(key, name)
    },
  }
}
