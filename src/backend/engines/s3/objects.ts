// Parts as objects: the operations of a part store, made of the requests of bucket.ts.

import { forEachLimit } from '../../../core/concurrency/semaphore.js'
import { VaultError } from '../../../core/errors.js'
import { partNumberOf } from '../../store/part-key.js'
import { byteRangeOf, partConflict } from '../../store/part-rules.js'
import type { PartPiece, PartSetState } from '../../store/part-store.js'
import type { StoreCall } from '../../store/store.js'
import type { S3Bucket, S3Object, S3Page } from './bucket.js'

/** The most objects that S3 lists in one answer. */
const pageRows = 1_000
/** Concurrent deletes: not every server can delete many objects in one request. */
const deletesAtOnce = 16
const maxPutAttempts = 3

/** True if the object exists with these bytes; throws ALREADY_EXISTS if it has other bytes. */
async function isStored(bucket: S3Bucket, { key, data }: { key: string; data: Buffer }, call: StoreCall) {
  const size = await bucket.size(key, call)
  if (size === undefined) return false
  if (size !== data.length) throw partConflict()
  const found = await bucket.get({ key, range: undefined }, call)
  if (found === undefined || found === 'past the end') return false
  if (!found.bytes.equals(data)) throw partConflict()
  return true
}

/** Writes a new object; ALREADY_EXISTS if one with other bytes has the key. */
export async function putObject(
  bucket: S3Bucket,
  object: { key: string; data: Buffer },
  call: StoreCall,
): Promise<void> {
  for (let attempt = 0; attempt < maxPutAttempts; attempt += 1) {
    if (await isStored(bucket, object, call)) return
    if (await bucket.putNew(object, call)) return
  }
  throw new VaultError('STORE_UNAVAILABLE', { message: 'other writers keep adding and removing this part' })
}

function rangeOf({ offset, length }: PartPiece): string | undefined {
  if (length > 0) return `bytes=${offset}-${offset + length - 1}`
  return offset > 0 ? `bytes=${offset}-` : undefined
}

/** As PartStore.get. */
export async function getPiece(
  bucket: S3Bucket,
  { key, piece }: { key: string; piece: PartPiece },
  call: StoreCall,
): Promise<Buffer | undefined> {
  const found = await bucket.get({ key, range: rangeOf(piece) }, call)
  if (found === 'past the end') {
    const size = await bucket.size(key, call)
    if (size === undefined) return undefined
    byteRangeOf(size, piece)
    return Buffer.alloc(0) // only an empty piece may begin at the end
  }
  if (found === undefined) return undefined
  const { start, end } = byteRangeOf(found.size, piece)
  // A server may ignore the range and send the whole object.
  const bytes = found.bytes.length === found.size ? found.bytes.subarray(start, end) : found.bytes
  if (bytes.length !== end - start) throw new VaultError('STORE_UNAVAILABLE', { message: 'S3 sent too few bytes' })
  return bytes
}

async function* pagesOf(bucket: S3Bucket, prefix: string, call: StoreCall): AsyncGenerator<S3Object[]> {
  for (let after: string | undefined; ; ) {
    const page: S3Page = await bucket.list({ prefix, after, rows: pageRows }, call)
    yield page.objects
    if (page.next === undefined) return
    after = page.next
  }
}

/** As PartStore.state, for the objects below a prefix. */
export async function stateOf(bucket: S3Bucket, prefix: string, call: StoreCall): Promise<PartSetState | undefined> {
  let begun: Date | undefined
  let count = 0
  for await (const page of pagesOf(bucket, prefix, call)) {
    begun ??= page[0]?.changed
    for (const { key } of page) {
      if (partNumberOf(key) !== count) return undefined
      count += 1
    }
  }
  return begun && { count, begun }
}

/** As PartStore.newest, for the objects below a prefix. */
export async function newestOf(bucket: S3Bucket, prefix: string, call: StoreCall): Promise<Date | undefined> {
  let newest: Date | undefined
  for await (const page of pagesOf(bucket, prefix, call)) {
    for (const { changed } of page) if (newest === undefined || changed > newest) newest = changed
  }
  return newest
}

/** Removes all objects below a prefix. */
export async function removeAll(bucket: S3Bucket, prefix: string, call: StoreCall): Promise<void> {
  for await (const page of pagesOf(bucket, prefix, call)) {
    await forEachLimit(page, deletesAtOnce, ({ key }) => bucket.remove(key, call))
  }
}
