// What `enc-server doctor` sees of a store from outside: it makes none, and takes none from its owner.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { BackendConfig } from '../backend/config.js'
import { defaultLimits, newClient } from '../backend/engines/mongo/client.js'
import { permanentError, storeError } from '../backend/engines/mongo/errors.js'
import { storePlace } from '../backend/open-stores.js'
import { readMongoUri } from '../backend/store/secret-file.js'
import { VaultError } from '../core/errors.js'
import { lookAtFolder } from './folder.js'
import { type Look, ok, warning } from './look.js'

/** What is said of a store that is not there. */
export const noStoreYet = 'none there yet, the first start makes it'

export async function lookAtStore(backend: BackendConfig): Promise<Look> {
  const place = `${backend.store}: ${storePlace(backend)}`
  if (backend.store === 'mongodb') await askMongo(backend.mongodb)
  else return lookAtLevel(backend.dataDir, place)
  return ok(place)
}

async function lookAtLevel(dataDir: string, place: string): Promise<Look> {
  const there = await isStore(dataDir)
  const { state, found } = await lookAtFolder(dataDir)
  const said = [there ? place : `${place}: ${noStoreYet}`, found].filter((words) => words !== '').join('; ')
  return there && state === 'ok' ? ok(said) : warning(said)
}

/** Whether LevelDB has written there; throws where no store can be. */
async function isStore(folder: string): Promise<boolean> {
  const [place, store] = await Promise.all([folder, join(folder, 'records', 'CURRENT')].map(statOf))
  if (place && !place.isDirectory()) throw new Error(`${folder} is not a folder: set backend.dataDir to one`)
  return store !== undefined
}

function statOf(path: string) {
  return stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw new Error(`${path} cannot be looked at (${error.code}): run this as the user of the back end`)
  })
}

async function askMongo({ uriFile, database }: BackendConfig['mongodb']): Promise<void> {
  const uri = await readMongoUri(uriFile)
  const client = newClient(uri, { ...defaultLimits, maxPoolSize: 1 })
  try {
    // A read, as a ping is answered to whoever has no rights.
    await client.db(database).collection('meta').findOne()
  } catch (thrown) {
    throw mongoProblem(storeError(thrown), database)
  } finally {
    await client.close()
    uri.close()
  }
}

function mongoProblem(error: Error, database: string): Error {
  const lasting = permanentError(error, database)
  if (lasting !== undefined || !(error instanceof VaultError)) return lasting ?? error
  const why = (error.cause as Error | undefined)?.message ?? error.message
  return new Error(`MongoDB does not answer: ${why}; is it running, and is backend.mongodb.uriFile right?`)
}
