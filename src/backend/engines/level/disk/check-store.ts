// The check of a whole store before any of its databases is opened: whether it is new, complete or damaged. A store that
// exists is never created again, because LevelDB deletes the tables of a database that it creates. The check changes nothing.
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder, writeSynced } from '../../../../core/durable-file.js'
import { VaultError } from '../../../../core/errors.js'
import { missingStoreFormat } from '../../../store/format.js'
import { namesIn } from './folder-names.js'
import { type Damage, type Inspection, inspectDatabase } from './inspect.js'
import { readSeal } from './seal.js'

/** The folder of a store, and what it consists of. */
export interface StoreFolders {
  folder: string
  /** The names of the databases other than `meta`. */
  databases: string[]
  /** Other folders that are made with the store and must exist afterwards, such as `parts`. */
  folders: string[]
}

/** The store as its files show it. */
export interface StoreCheck {
  /** True if the store has to be created, or its creation has to be finished. */
  isNew: boolean
  /** What is damaged; the other rows are readable. */
  damage: Damage[]
}

/** Present from before the first database is created until all are. No call is served meanwhile, so nothing can be lost. */
const creationMark = 'creating'

/**
 * Checks the files of a store. Throws STORE_UNAVAILABLE with the database, the file and its problem if rows would be lost,
 * and STORE_FORMAT if there is data but no `meta`.
 */
export async function checkStoreFiles({ folder, databases, folders }: StoreFolders): Promise<StoreCheck> {
  if (await isBeingCreated(folder)) return { isNew: true, damage: [] }
  if ((await namesIn(join(folder, 'meta'))).length === 0) {
    for (const name of [...databases, ...folders]) {
      if ((await namesIn(join(folder, name))).length > 0) throw missingStoreFormat('meta folder')
    }
    return { isNew: true, damage: [] }
  }
  const damage: Damage[] = []
  for (const name of ['meta', ...databases]) damage.push(...(await requireUsable(folder, name)))
  for (const name of folders) {
    if (!(await exists(join(folder, name)))) throw unusable(folder, name, 'the folder is missing')
  }
  return { isNew: false, damage }
}

/** Marks a new store as one whose creation has begun, durably. */
export async function beginCreation(folder: string): Promise<void> {
  if (await isBeingCreated(folder)) return
  await writeSynced(join(folder, creationMark), '')
  await syncFolder(folder)
}

/** Removes the mark of `beginCreation`, durably: from now on all databases must exist. */
export async function endCreation(folder: string): Promise<void> {
  await rm(join(folder, creationMark))
  await syncFolder(folder)
}

function isBeingCreated(folder: string): Promise<boolean> {
  return exists(join(folder, creationMark))
}

async function requireUsable(folder: string, name: string): Promise<Damage[]> {
  const first = await inspect(folder, name)
  if (first.problem === undefined) return first.damage
  // Another process may have the database open and replace its files meanwhile, so a problem counts if it lasts.
  const second = await inspect(folder, name)
  if (second.problem === first.problem) throw unusable(folder, name, first.problem)
  return second.damage
}

async function inspect(folder: string, name: string): Promise<Inspection> {
  return inspectDatabase(folder, name, await readSeal(folder, name))
}

function unusable(folder: string, name: string, problem: string): VaultError {
  const message = `${join(folder, name)}: ${problem}; nothing was changed: restore this folder from a backup`
  return new VaultError('STORE_UNAVAILABLE', { message })
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
}
