// The stores that the configuration names.
import { join } from 'node:path'
import type { VaultError } from '../core/errors.js'
import type { Logger } from '../core/log.js'
import type { BackendConfig } from './config.js'
import { openFilePartStore } from './file-part-store.js'
import { openLevelStore } from './level-store.js'
import { openMongoStore } from './mongo-store.js'
import { readMongoUri } from './mongo-uri.js'
import type { PartStore } from './part-store.js'
import type { Store } from './store.js'

/** The parts are closed first. */
export interface Stores {
  store: Store
  parts: PartStore
}

export function openStores(config: BackendConfig, log: Logger): Promise<Stores> {
  return config.store === 'level' ? openLevel(config) : openMongo(config, log)
}

async function openLevel({ dataDir }: BackendConfig): Promise<Stores> {
  const store = await openLevelStore({ folder: dataDir }) // first: its lock is that of the whole folder
  try {
    return { store, parts: await openFilePartStore(join(dataDir, 'parts')) }
  } catch (error) {
    await store.close()
    throw error
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

/** Where records are kept, for people. */
export function storePlace({ store, dataDir, mongodb }: BackendConfig): string {
  return store === 'level' ? dataDir : `MongoDB, database ${mongodb.database}`
}
