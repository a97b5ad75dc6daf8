// The store that the configuration names.
import type { VaultError } from '../core/errors.js'
import type { Logger } from '../core/log.js'
import type { BackendConfig } from './config.js'
import { openLevelStore } from './level-store.js'
import { openMongoStore } from './mongo-store.js'
import { readMongoUri } from './mongo-uri.js'
import type { Store } from './store.js'

export async function openStore({ store, dataDir, mongodb }: BackendConfig, log: Logger): Promise<Store> {
  if (store === 'level') return openLevelStore({ folder: dataDir })
  const uri = await readMongoUri(mongodb.uriFile)
  const report = ({ message, cause }: VaultError) => log.error('store', { problem: message, cause })
  try {
    return await openMongoStore({ ...mongodb, uri, limits: { maxPoolSize: mongodb.maxPoolSize }, report })
  } finally {
    uri.close()
  }
}

/** Where records are kept, for people. */
export function storePlace({ store, dataDir, mongodb }: BackendConfig): string {
  return store === 'level' ? dataDir : `MongoDB, database ${mongodb.database}`
}
