// User documents in LevelDB.
//   users/  36-byte user pseudonym -> UserDocument
import { frame } from '../../../core/frame.js'
import { UserDocument } from '../../../gen/encserver/v1/backend.js'
import { bytesOfUser } from '../../record/message-size.js'
import type { RowCacheLimits } from './row-cache.js'
import { isDamaged, type Row, rowCodec } from './row-codec.js'

const MiB = 1024 * 1024
const objectBytes = 1024 // the overhead of a document and its buffers in V8

/** Every call reads a user document. Damaged rows stay out of the cache: the read may be at fault, not the row. */
export const userCacheLimits: RowCacheLimits<Row<UserDocument>> = {
  maxRows: 20_000,
  maxBytes: 16 * MiB,
  bytesOf: (row) => (isDamaged(row) ? Number.MAX_SAFE_INTEGER : objectBytes + bytesOfUser(row)),
}

/** Encodes a user document, its pseudonym included. */
export const userCodec = rowCodec<UserDocument>({
  encode: (user: UserDocument) => frame(UserDocument, user),
  decode: (bytes: Buffer) => detach(UserDocument.decode(bytes)),
})

/**
 * Copies every field: a view would keep the whole message it was decoded from in memory for as long as the cache does.
 */
function detach({ userPseudonym, userUid, generations }: UserDocument): UserDocument {
  return {
    userPseudonym: copyOf(userPseudonym),
    userUid: copyOf(userUid),
    generations: generations.map(({ generation, wrappedKey, userBind }) => {
      return { generation, wrappedKey: copyOf(wrappedKey), userBind: copyOf(userBind) }
    }),
  }
}

/** Not Buffer.from, whose copies lie in a pool that they share with unrelated data. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.alloc(bytes.length)
  bytes.copy(copy)
  return copy
}
