// Secrets that a caller makes for a write: a token for the modes client and split, a write id for mode server.
import { createHash, randomBytes } from 'node:crypto'
import type { RequestInput } from '../../src/frontend/client.js'
import { encodeToken } from '../../src/frontend/crypto/token.js'
import type { StoreRecordRequest } from '../../src/gen/encserver/v1/frontend.js'

export const modes = { client: 1, server: 2, split: 3 } as const
type ModeNumber = (typeof modes)[keyof typeof modes]

/** What a caller makes before a write in this mode. */
export interface CallerSecret {
  keyMode: ModeNumber
  /** The fields of a store, an upload or an import. */
  fields: Pick<RequestInput<StoreRecordRequest>, 'recordKey' | 'writeId' | 'keyMode' | 'triedMsAgo'>
  /** Empty in mode server. */
  recordKey: string
  keyId: Buffer
  /** rk, or the write id. */
  secret: Buffer
}

export function newToken(mode: 1 | 3, keyId: Buffer = randomBytes(16), rk: Buffer = randomBytes(32)): string {
  return encodeToken({ mode, keyId, rk })
}

export function newSecret(keyMode: ModeNumber): CallerSecret {
  if (keyMode === modes.server) {
    const writeId = randomBytes(32)
    const keyId = createHash('sha256').update('record-vault/v1/write-id\0').update(writeId).digest().subarray(0, 16)
    return { keyMode, fields: { writeId, keyMode }, recordKey: '', keyId, secret: writeId }
  }
  const keyId = randomBytes(16)
  const secret = randomBytes(32)
  const recordKey = newToken(keyMode, keyId, secret)
  return { keyMode, fields: { recordKey, keyMode }, recordKey, keyId, secret }
}
