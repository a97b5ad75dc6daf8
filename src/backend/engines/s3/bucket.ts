// The requests that a part store sends to a bucket. When a call ends early, its request is aborted.
import type { Readable } from 'node:stream'
import { linkedSignal } from '../../../core/concurrency/abort.js'
import { VaultError } from '../../../core/errors.js'
import { checkDeadline, endReason, withDeadline } from '../../store/deadline.js'
import type { StoreCall } from '../../store/store.js'
import type { S3Connection } from './client.js'
import { isNoBucket, statusOf, storeError } from './errors.js'

/** An object in a list. */
export interface S3Object {
  key: string
  changed: Date
}

/** One page of a list. */
export interface S3Page {
  /** Sorted by key. */
  objects: S3Object[]
  /** The key after which the next page begins; undefined on the last page. */
  next: string | undefined
}

/** The contents of an object, or of a range of it. */
export interface S3Body {
  bytes: Buffer
  /** The size of the whole object. */
  size: number
}

/** A bucket. Methods other than `check` reject with VaultError. */
export interface S3Bucket {
  /** Resolves if the bucket exists and may be used; rejects with the SDK's own error. */
  check(): Promise<void>
  /** The size of an object; undefined if absent. */
  size(key: string, call: StoreCall): Promise<number | undefined>
  /** Writes the object; false if the key is taken. A server without conditional writes overwrites instead. */
  putNew(object: { key: string; data: Buffer }, call: StoreCall): Promise<boolean>
  /** Reads an object or a range. Undefined if absent; 'past the end' if the range begins past the object's end. */
  get(object: { key: string; range: string | undefined }, call: StoreCall): Promise<S3Body | 'past the end' | undefined>
  /** One page of the objects after a key. */
  list(page: { prefix: string; after: string | undefined; rows: number }, call: StoreCall): Promise<S3Page>
  /** Removes an object; an absent one is no error. */
  remove(key: string, call: StoreCall): Promise<void>
}

/** An upper limit for a part; a larger object is damaged. */
const maxObjectBytes = 2 * 1024 * 1024

/** The size in a Content-Range such as `bytes 3-6/10`. */
function sizeIn(contentRange: string): number {
  return Number(contentRange.split('/')[1])
}

type Request<T> = (options: { abortSignal: AbortSignal }) => Promise<T>

async function run<T>(request: Request<T>, call: StoreCall): Promise<T> {
  checkDeadline(call)
  const { signal, abort, leave } = linkedSignal(call.signal)
  try {
    return await withDeadline(request({ abortSignal: signal }), call)
  } catch (error) {
    abort(error)
    throw endReason(call) ?? storeError(error)
  } finally {
    leave()
  }
}

/** Runs a request for which some error statuses are answers. A missing bucket is always an error. */
function runWithAnswers<T, U>(request: Request<T>, answers: Record<number, U>, call: StoreCall): Promise<T | U> {
  const answered: Request<T | U> = (options) =>
    request(options).catch((error: unknown) => {
      const status = statusOf(error)
      if (status !== undefined && status in answers && !isNoBucket(error)) return answers[status] as U
      throw error
    })
  return run(answered, call)
}

/** The requests of one bucket. */
export function bucketOf({ sdk, client }: S3Connection, Bucket: string): S3Bucket {
  return {
    check: async () => void (await client.send(new sdk.HeadBucketCommand({ Bucket }))),
    size: (Key, call) =>
      runWithAnswers(
        async (options) => (await client.send(new sdk.HeadObjectCommand({ Bucket, Key }), options)).ContentLength ?? 0,
        { 404: undefined },
        call,
      ),
    putNew: ({ key: Key, data: Body }, call) =>
      runWithAnswers(
        async (options) => {
          await client.send(new sdk.PutObjectCommand({ Bucket, Key, Body, IfNoneMatch: '*' }), options)
          return true
        },
        { 409: false, 412: false },
        call,
      ),
    get: ({ key: Key, range: Range }, call) =>
      runWithAnswers<S3Body, 'past the end' | undefined>(
        async (options) => {
          const command = new sdk.GetObjectCommand({ Bucket, Key, ...(Range && { Range }) })
          const { Body, ContentRange } = await client.send(command, options)
          const bytes = await bytesOf(Body as Readable)
          return { bytes, size: ContentRange === undefined ? bytes.length : sizeIn(ContentRange) }
        },
        { 404: undefined, 416: 'past the end' },
        call,
      ),
    list: ({ prefix: Prefix, after: StartAfter, rows: MaxKeys }, call) =>
      run(async (options) => {
        const command = new sdk.ListObjectsV2Command({ Bucket, Prefix, MaxKeys, ...(StartAfter && { StartAfter }) })
        const { Contents = [], IsTruncated } = await client.send(command, options)
        const objects = Contents.map(({ Key = '', LastModified = new Date() }) => ({ key: Key, changed: LastModified }))
        return { objects, next: IsTruncated ? objects.at(-1)?.key : undefined }
      }, call),
    remove: (Key, call) =>
      run(async (options) => void (await client.send(new sdk.DeleteObjectCommand({ Bucket, Key }), options)), call),
  }
}

/** Reads a body; leaving the loop destroys the stream, and with it the connection. */
async function bytesOf(body: Readable): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of body) {
    pieces.push(piece)
    size += piece.length
    if (size > maxObjectBytes) {
      throw new VaultError('RECORD_CORRUPT', { message: 'an object of the bucket is too large to be a part' })
    }
  }
  return Buffer.concat(pieces, size)
}
