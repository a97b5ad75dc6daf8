// User documents in LevelDB:
//   users/  36-byte user pseudonym -> UserDocument
import { frame } from '../../../core/frame.js'
import { UserDocument } from '../../../gen/encserver/v1/backend.js'
import { bytesOfUser } from '../../record/message-size.js'
import type { RowCacheLimits } from './row-cache.js'
import { isDamaged, type Row, rowCodec } from './row-codec.js'

const MiB = 1024 * 1024
const objectBytes = 1024 // what V8 needs for a document and its buffers

/** Every call reads its user. A damaged row is read again: it may have been the reading that failed. */
export const userCacheLimits: RowCacheLimits<Row<UserDocument>> = {
  maxRows: 20_000,
  maxBytes: 16 * MiB,
  bytesOf: (row) => (isDamaged(row) ? Number.MAX_SAFE_INTEGER : objectBytes + bytesOfUser(row)),
}

export const userCodec = rowCodec<UserDocument>({
  encode: (user: UserDocument) => frame(UserDocument, user),
  decode: (bytes: Buffer) => apart(UserDocument.decode(bytes)),
})

/** In memory of its own: what is remembered must not keep the messages beside which it was decoded. */
function apart({ userPseudonym, userUid, generations }: UserDocument): UserDocument {
  return {
    userPseudonym: copyOf(userPseudonym),
    userUid: copyOf(userUid),
    generations: generations.map(({ generation, wrappedKey, userBind }) => {
      return { generation, wrappedKey: copyOf(wrappedKey), userBind: copyOf(userBind) }
    }),
  }
}

/** Not Buffer.from, which copies into a pool shared with everything else. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.alloc(bytes.length)
  bytes.copy(copy)
  return copy
}
