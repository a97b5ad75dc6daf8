// The few requests that a part store makes of a bucket. Those of a call end with it.
import type { Readable } from 'node:stream'
import { linkedSignal } from '../../../core/abort.js'
import { VaultError } from '../../../core/errors.js'
import { checkDeadline, endOf, withDeadline } from '../../store/deadline.js'
import type { StoreCall } from '../../store/store.js'
import type { S3Connection } from './client.js'
import { isNoBucket, s3Error, statusOf } from './errors.js'

export interface S3Object {
  key: string
  changed: Date
}

export interface S3Page {
  /** In the order of their keys. */
  objects: S3Object[]
  /** The key behind which the next page begins; undefined on the last. */
  next: string | undefined
}

export interface S3Body {
  bytes: Buffer
  /** Of the whole object. */
  size: number
}

export interface S3Bucket {
  /** Rejects with the SDK's own error. */
  check(): Promise<void>
  /** Undefined when there is no such object. */
  size(key: string, call: StoreCall): Promise<number | undefined>
  /** A server that does not know the condition writes all the same; false when there is an object already. */
  putNew(object: { key: string; data: Buffer }, call: StoreCall): Promise<boolean>
  /** Undefined when there is no such object, 'past the end' when the range begins there. */
  get(object: { key: string; range: string | undefined }, call: StoreCall): Promise<S3Body | 'past the end' | undefined>
  /** One page, behind the key given. */
  list(page: { prefix: string; after: string | undefined; rows: number }, call: StoreCall): Promise<S3Page>
  remove(key: string, call: StoreCall): Promise<void>
}

/** No object of ours is larger than a part. */
const maxObjectBytes = 2 * 1024 * 1024

/** The size in `bytes 3-6/10`. */
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
    throw endOf(call) ?? s3Error(error)
  } finally {
    leave()
  }
}

/** Makes a request of which some status is an answer and no failure, unless the bucket itself is gone. */
function runOr<T, U>(request: Request<T>, answers: Record<number, U>, call: StoreCall): Promise<T | U> {
  const answered: Request<T | U> = (options) =>
    request(options).catch((error: unknown) => {
      const status = statusOf(error)
      if (status !== undefined && status in answers && !isNoBucket(error)) return answers[status] as U
      throw error
    })
  return run(answered, call)
}

export function s3Bucket({ sdk, client }: S3Connection, Bucket: string): S3Bucket {
  return {
    check: async () => void (await client.send(new sdk.HeadBucketCommand({ Bucket }))),
    size: (Key, call) =>
      runOr(
        async (options) => (await client.send(new sdk.HeadObjectCommand({ Bucket, Key }), options)).ContentLength ?? 0,
        { 404: undefined },
        call,
      ),
    putNew: ({ key: Key, data: Body }, call) =>
      runOr(
        async (options) => {
          await client.send(new sdk.PutObjectCommand({ Bucket, Key, Body, IfNoneMatch: '*' }), options)
          return true
        },
        { 409: false, 412: false },
        call,
      ),
    get: ({ key: Key, range: Range }, call) =>
      runOr<S3Body, 'past the end' | undefined>(
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

/** A body that is left unread ends with the loop, and with it its connection. */
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
