// Record ids, which are two pseudonyms, and life ids, which are random bytes.
import { pseudonymBytes } from '../../core/envelope-sizes.js'

const lifeIdBytes = 16
/** Random bytes for hundreds of ids take no longer to draw than those for one. */
const pooledIds = 256

let pool = Buffer.alloc(0)

/** The first half of a record id: the pseudonym of its user. */
export function userPseudonymOf(recordId: Buffer): Buffer {
  return recordId.subarray(0, pseudonymBytes)
}

/** A new id for a life of a record: 16 random bytes. A life id is not secret; every reader of the store sees it. */
export function newLifeId(): Buffer {
  if (pool.length === 0) {
    pool = Buffer.from(globalThis.crypto.getRandomValues(new Uint8Array(lifeIdBytes * pooledIds)).buffer)
  }
  const id = Buffer.from(pool.subarray(0, lifeIdBytes)) // a copy: a view would keep the whole pool in memory
  pool = pool.subarray(lifeIdBytes)
  return id
}
