// Names an unwrapped user key in a cache by everything that vouches for it:
//   SHA-256(context 13 || u32 generation || wrapped || bind)
// By the wrapped bytes alone a hit could be another user's key, whose bind was never checked against this one.
import { hash } from 'node:crypto'
import { userBindContext } from './context.js'
import type { UserIdentity } from './user-key.js'

export interface StoredGeneration {
  generation: number
  wrappedKey: Buffer
  userBind: Buffer
}

export function userKeyDigest(identity: UserIdentity, { generation, wrappedKey, userBind }: StoredGeneration): string {
  const number = Buffer.allocUnsafe(4)
  number.writeUInt32BE(generation)
  return hash('sha256', Buffer.concat([userBindContext(identity), number, wrappedKey, userBind]), 'binary')
}
