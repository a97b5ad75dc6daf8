// Parts as objects: what a part store does is made of the few requests of s3-bucket.ts.
import { VaultError } from '../../../core/errors.js'
import { forEachLimit } from '../../../core/semaphore.js'
import { byteRangeOf, partConflict } from '../../store/part-rules.js'
import type { PartPiece, PartSetState } from '../../store/part-store.js'
import type { StoreCall } from '../../store/store.js'
import type { S3Bucket, S3Object, S3Page } from './bucket.js'
import { partNumberOf } from './keys.js'

/** What a list answers at most. */
const pageRows = 1_000
/** Deletes at once: not every server deletes many objects in one request. */
const deletesAtOnce = 16
const maxPutAttempts = 3

/** Whether the object is there with these bytes; ALREADY_EXISTS when it has others. */
async function isThere(bucket: S3Bucket, { key, data }: { key: string; data: Buffer }, call: StoreCall) {
  const size = await bucket.size(key, call)
  if (size === undefined) return false
  if (size !== data.length) throw partConflict()
  const found = await bucket.get({ key, range: undefined }, call)
  if (found === undefined || found === 'past the end') return false
  if (!found.bytes.equals(data)) throw partConflict()
  return true
}

export async function putObject(
  bucket: S3Bucket,
  object: { key: string; data: Buffer },
  call: StoreCall,
): Promise<void> {
  for (let attempt = 0; attempt < maxPutAttempts; attempt += 1) {
    if (await isThere(bucket, object, call)) return
    if (await bucket.putNew(object, call)) return
  }
  throw new VaultError('STORE_UNAVAILABLE', { message: 'others write and remove this part at the same time' })
}

function rangeOf({ offset, length }: PartPiece): string | undefined {
  if (length > 0) return `bytes=${offset}-${offset + length - 1}`
  return offset > 0 ? `bytes=${offset}-` : undefined
}

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
    return Buffer.alloc(0) // only a piece of no bytes may begin at the end
  }
  if (found === undefined) return undefined
  const { start, end } = byteRangeOf(found.size, piece)
  // A server may answer a range with the whole.
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

export async function newestOf(bucket: S3Bucket, prefix: string, call: StoreCall): Promise<Date | undefined> {
  let newest: Date | undefined
  for await (const page of pagesOf(bucket, prefix, call)) {
    for (const { changed } of page) if (newest === undefined || changed > newest) newest = changed
  }
  return newest
}

export async function removeAll(bucket: S3Bucket, prefix: string, call: StoreCall): Promise<void> {
  for await (const page of pagesOf(bucket, prefix, call)) {
    await forEachLimit(page, deletesAtOnce, ({ key }) => bucket.remove(key, call))
  }
}
