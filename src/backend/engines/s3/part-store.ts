// The part store on an S3 bucket: one object a part, never overwritten. Each put is conditional on a free key. Some
// servers ignore that condition, so a put also looks for the object first, and a mutex for each key orders the puts of
// a process.

import { inFlight } from '../../../core/concurrency/in-flight.js'
import { VaultError } from '../../../core/errors.js'
import type { Secret } from '../../../core/secret.js'
import type { PartSet, PartStore } from '../../store/part-store.js'
import type { StoreCall } from '../../store/store.js'
import { bucketOf, type S3Bucket, type S3Page } from './bucket.js'
import type { BucketSettings } from './bucket-settings.js'
import { connect, defaultLimits, type S3Limits } from './client.js'
import { permanentError } from './errors.js'
import { keyAfterSet, partKey, setOf, setPrefix } from './keys.js'
import { getPiece, newestOf, putObject, removeAll, stateOf } from './objects.js'

/** The bucket, and how to use it. */
export interface S3PartStoreOptions extends BucketSettings {
  /** JSON. The caller may close it once the store is open. */
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
    after = set ? keyAfterSet(prefix, set) : first.key
  }
}

function partStoreOver(bucket: S3Bucket, prefix: string, close: () => void): PartStore {
  const requests = inFlight()
  const exclusive = keyedMutex()
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
        return exclusive(key, () => putObject(bucket, { key, data }, call))
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

/** A mutex for each key: work on one key runs one after another. */
function keyedMutex() {
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
 * Opens the store. An unreachable server is no error here: each call then reports it. Throws INVALID_REQUEST for
 * settings that cannot work, STORE_REFUSED with instructions for an operator.
 */
export async function openS3PartStore({ credentials, limits, ...settings }: S3PartStoreOptions): Promise<PartStore> {
  const connection = await connect(settings, credentials, { ...defaultLimits, ...limits })
  const { client } = connection
  const bucket = bucketOf(connection, settings.bucket)
  const problem = await bucket.check().then(() => undefined, permanentError)
  if (problem) {
    client.destroy()
    throw problem
  }
  return partStoreOver(bucket, settings.prefix, () => client.destroy())
}
