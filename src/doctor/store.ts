// The check of a store from outside. It creates no store, and takes no lock that a running back end needs.
import { stat } from 'node:fs/promises'
import type { BackendConfig } from '../backend/config.js'
import { checkStoreFiles } from '../backend/engines/level/disk/check-store.js'
import type { Damage } from '../backend/engines/level/disk/inspect.js'
import { storeFolders } from '../backend/engines/level/store.js'
import { defaultLimits, newClient } from '../backend/engines/mongo/client.js'
import { permanentError, storeError } from '../backend/engines/mongo/errors.js'
import { partsFolder, storePlace } from '../backend/open-stores.js'
import { readMongoUri } from '../backend/store/secret-file.js'
import { VaultError } from '../core/errors.js'
import { type CheckResult, ok, warning } from './finding.js'
import { checkFolder } from './folder.js'

/** The finding for a store that does not exist. */
export const missingStore = 'does not exist yet; the first start creates it'

/** Checks the configured store; throws if a back end could not use it. */
export async function checkStore(backend: BackendConfig): Promise<CheckResult> {
  const place = `${backend.store}: ${storePlace(backend)}`
  if (backend.store === 'mongodb') await checkMongo(backend.mongodb)
  else return checkLevel(backend.dataDir, place)
  return ok(place)
}

async function checkLevel(dataDir: string, place: string): Promise<CheckResult> {
  const root = await statOf(dataDir)
  if (root && !root.isDirectory()) throw new Error(`${dataDir} is not a folder: set backend.dataDir to one`)
  const { state, found } = await checkFolder(dataDir)
  if (!root) return warning([`${place} ${missingStore}`, found].filter((part) => part !== '').join('; '))
  const { isNew, damage } = await checkStoreFiles(storeFolders(dataDir, [partsFolder]))
  // A log that ends in an incomplete write is normal while a back end writes to it.
  const lost = damage.filter(({ kind }) => kind === 'lost')
  if (lost.length > 0) throw new Error(`${place} is damaged, rows are lost: ${lost.map(damageText).join(', ')}`)
  const text = [isNew ? `${place} ${missingStore}` : place, found].filter((part) => part !== '').join('; ')
  return !isNew && state === 'ok' ? ok(text) : warning(text)
}

function damageText({ database, file, bytes }: Damage): string {
  return `${bytes} bytes of ${database}/${file}`
}

function statOf(path: string) {
  return stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw new Error(`${path} cannot be read (${error.code}): run this as the user of the back end`)
  })
}

async function checkMongo({ uriFile, database }: BackendConfig['mongodb']): Promise<void> {
  const uri = await readMongoUri(uriFile)
  const client = newClient(uri, { ...defaultLimits, maxPoolSize: 1 })
  try {
    // MongoDB answers a ping without any rights, so the check reads a document.
    await client.db(database).collection('meta').findOne()
  } catch (thrown) {
    throw mongoProblem(storeError(thrown))
  } finally {
    await client.close()
    uri.close()
  }
}

function mongoProblem(error: Error): Error {
  const lasting = permanentError(error)
  if (lasting !== undefined || !(error instanceof VaultError)) return lasting ?? error
  const text = (error.cause as Error | undefined)?.message ?? error.message
  return new Error(`MongoDB does not answer: ${text}; is it running, and is backend.mongodb.uriFile right?`)
}
