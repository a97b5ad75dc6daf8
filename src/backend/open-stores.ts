// Opens the stores of a configuration. The other files of a back end know only the interfaces in store/.
import { join } from 'node:path'
import type { VaultError } from '../core/errors.js'
import type { Logger } from '../core/log/log.js'
import type { BackendConfig } from './config.js'
import { openFilePartStore } from './engines/files/part-store.js'
import type { Damage } from './engines/level/disk/inspect.js'
import { openLevelStore } from './engines/level/store.js'
import { openMongoStore } from './engines/mongo/store.js'
import { openS3PartStore } from './engines/s3/part-store.js'
import type { PartStore } from './store/part-store.js'
import { readMongoUri, readSecretFile } from './store/secret-file.js'
import type { Store } from './store/store.js'

const damageProblem = 'a file of the store is damaged: rows are lost; restore the data folder from a backup'
const tornProblem =
  'a log of the store ends in an incomplete write, as after a kill or a power failure; if neither happened, rows are lost'

/** The stores of records and of parts. Close the parts first: both may share a folder or a connection. */
export interface Stores {
  store: Store
  parts: PartStore
}

/** Opens both stores, or neither. */
export async function openStores(config: BackendConfig, log: Logger): Promise<Stores> {
  const opened = config.store === 'level' ? await openLevel(config, log) : await openMongo(config, log)
  try {
    return config.parts.store === 's3' ? { ...opened, parts: await openS3(config) } : opened
  } catch (error) {
    await opened.parts.close()
    await opened.store.close()
    throw error
  }
}

/** The folder of the parts in a data folder. */
export const partsFolder = 'parts'

async function openLevel({ dataDir }: BackendConfig, log: Logger): Promise<Stores> {
  const onDamage = (damage: Damage) => logDamage(damage, log)
  // First: its lock covers the whole folder.
  const store = await openLevelStore({ folder: dataDir, folders: [partsFolder], onDamage })
  try {
    return { store, parts: await openFilePartStore(join(dataDir, partsFolder)) }
  } catch (error) {
    await store.close()
    throw error
  }
}

function logDamage({ database, file, bytes, kind }: Damage, log: Logger): void {
  const found = { database, file, bytes }
  if (kind === 'lost') log.error('store', { problem: damageProblem, ...found })
  else log.warn('store', { problem: tornProblem, ...found })
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
