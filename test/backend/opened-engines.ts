// An empty store of each engine, for tests that must hold on both.
import { randomBytes } from 'node:crypto'
import { MongoClient } from 'mongodb'
import { openLevelStore } from '../../src/backend/engines/level/store.js'
import { openMongoStore } from '../../src/backend/engines/mongo/store.js'
import type { Store } from '../../src/backend/store/store.js'
import { Secret } from '../../src/core/secret.js'
import { patientLimits, testMongo } from '../servers/mongo.js'
import { tempFolder } from './samples.js'

export interface OpenedEngine {
  store: Store
  cleanup(): Promise<void>
}

export async function levelStore(): Promise<OpenedEngine> {
  const folder = await tempFolder()
  const store = await openLevelStore({ folder: folder.path })
  return { store, cleanup: () => store.close().then(folder.remove) }
}

export async function mongoStore(): Promise<OpenedEngine> {
  const { uri } = await testMongo()
  const database = `test-${randomBytes(6).toString('hex')}`
  const store = await openMongoStore({ uri: new Secret(Buffer.from(uri)), database, limits: patientLimits })
  return {
    store,
    async cleanup() {
      await store.close()
      const admin = new MongoClient(uri)
      await admin.db(database).dropDatabase()
      await admin.close()
    },
  }
}
