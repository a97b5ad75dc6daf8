// The parts as objects of an S3 bucket. An object is never overwritten: the put is on condition that there is none. Not
// every server knows that condition, so it is looked at first, and puts of one part take turns within this process.

import { VaultError } from '../../../core/errors.js'
import type { Secret } from '../../../core/secret.js'
import { admission } from '../../../core/server/admission.js'
import type { PartSet, PartStore } from '../../store/part-store.js'
import type { StoreCall } from '../../store/store.js'
import { type S3Bucket, type S3Page, s3Bucket } from './bucket.js'
import { connectS3, defaultS3Limits, type S3Limits } from './client.js'
import { lastingS3Error } from './errors.js'
import { afterSet, partKey, setOf, setPrefix } from './keys.js'
import { getPiece, newestOf, putObject, removeAll, stateOf } from './objects.js'
import type { S3Place } from './place.js'

export interface S3PartStoreOptions extends S3Place {
  /** JSON; not needed any more when the store is open. */
  credentials: Secret
  limits?: Partial<S3Limits>
}

async function* setsIn(bucket: S3Bucket, prefix: string, call: StoreCall): AsyncGenerator<PartSet> {
  for (let after: string | undefined; ; ) {
    const { objects }: S3Page = await bucket.list({ prefix, after, rows: 1 }, call)
    const [first] = objects
    if (first === undefined) return
    const set = setOf(prefix, first.key)
    if (set) yield set
    after = set ? afterSet(prefix, set) : first.key
  }
}

function s3PartStore(bucket: S3Bucket, prefix: string, close: () => void): PartStore {
  const requests = admission(Number.POSITIVE_INFINITY)
  const inTurn = turnsByKey()
  let closed = false

  function run<T>(work: () => Promise<T>): Promise<T> {
    return requests.run(async () => {
      if (closed) throw new VaultError('STORE_UNAVAILABLE')
      return work()
    })
  }

  return {
    put: ({ partNumber, data, ...set }, call) =>
      run(() => {
        const key = partKey(prefix, set, partNumber)
        return inTurn(key, () => putObject(bucket, { key, data }, call))
      }),
    get: (piece, call) => run(() => getPiece(bucket, { key: partKey(prefix, piece, piece.partNumber), piece }, call)),
    state: (set, call) => run(() => stateOf(bucket, setPrefix(prefix, set), call)),
    newest: (set, call) => run(() => newestOf(bucket, setPrefix(prefix, set), call)),
    sets: (call) => setsIn(bucket, prefix, call),
    remove: (set, call) => run(() => removeAll(bucket, setPrefix(prefix, set), call)),
    async close() {
      closed = true
      await requests.idle()
      close()
    },
  }
}

/** Lets the work on one key go one after another. */
function turnsByKey() {
  const last = new Map<string, Promise<void>>()
  return async (key: string, work: () => Promise<void>): Promise<void> => {
    const before = last.get(key)
    const mine = (before ?? Promise.resolve()).catch(() => undefined).then(work)
    last.set(key, mine)
    try {
      await mine
    } finally {
      if (last.get(key) === mine) last.delete(key)
    }
  }
}

/**
 * Opens the store. A server that cannot be reached is no failure: each call says so itself. Throws INVALID_REQUEST for
 * settings that cannot work, STORE_UNAVAILABLE with what an operator has to do.
 */
export async function openS3PartStore({ credentials, limits, ...place }: S3PartStoreOptions): Promise<PartStore> {
  const connection = await connectS3(place, credentials, { ...defaultS3Limits, ...limits })
  const { client } = connection
  const bucket = s3Bucket(connection, place.bucket)
  const problem = await bucket.check().then(
    () => undefined,
    (error: unknown) => lastingS3Error(error, place.bucket),
  )
  if (problem) {
    client.destroy()
    throw problem
  }
  return s3PartStore(bucket, place.prefix, () => client.destroy())
}
