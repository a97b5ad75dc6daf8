// Opens the stores of a configuration. The other files of a back end know only the interfaces in store/.
import { join } from 'node:path'
import type { VaultError } from '../core/errors.js'
import type { Logger } from '../core/log/log.js'
import type { BackendConfig } from './config.js'
import { openFilePartStore } from './engines/files/part-store.js'
import { openLevelStore } from './engines/level/store.js'
import { openMongoStore } from './engines/mongo/store.js'
import { openS3PartStore } from './engines/s3/part-store.js'
import type { PartStore } from './store/part-store.js'
import { readMongoUri, readSecretFile } from './store/secret-file.js'
import type { Store } from './store/store.js'

/** The stores of records and of parts. Close the parts first: both may share a folder or a connection. */
export interface Stores {
  store: Store
  parts: PartStore
}

/** Opens both stores, or neither. */
export async function openStores(config: BackendConfig, log: Logger): Promise<Stores> {
  const opened = config.store === 'level' ? await openLevel(config) : await openMongo(config, log)
  try {
    return config.parts.store === 's3' ? { ...opened, parts: await openS3(config) } : opened
  } catch (error) {
    await opened.parts.close()
    await opened.store.close()
    throw error
  }
}

async function openLevel({ dataDir }: BackendConfig): Promise<Stores> {
  const store = await openLevelStore({ folder: dataDir }) // first: its lock covers the whole folder
  try {
    return { store, parts: await openFilePartStore(join(dataDir, 'parts')) }
  } catch (error) {
    await store.close()
    throw error
  }
}

async function openS3({ parts: { s3 } }: BackendConfig): Promise<PartStore> {
  const setting = 'backend.parts.s3.credentialsFile'
  const credentials = await readSecretFile({ path: s3.credentialsFile, setting, holds: 'the access key of S3' })
  try {
    return await openS3PartStore({ ...s3, credentials })
  } finally {
    credentials.close()
  }
}

async function openMongo({ mongodb }: BackendConfig, log: Logger): Promise<Stores> {
  const uri = await readMongoUri(mongodb.uriFile)
  const report = ({ message, cause }: VaultError) => log.error('store', { problem: message, cause })
  try {
    const store = await openMongoStore({ ...mongodb, uri, limits: { maxPoolSize: mongodb.maxPoolSize }, report })
    return { store, parts: store.parts }
  } finally {
    uri.close()
  }
}

/** Where records are kept, in words for people. */
export function storePlace({ store, dataDir, mongodb, parts }: BackendConfig): string {
  const place = store === 'level' ? dataDir : `MongoDB, database ${mongodb.database}`
  return parts.store === 's3' ? `${place}, parts in S3, bucket ${parts.s3.bucket}` : place
}
