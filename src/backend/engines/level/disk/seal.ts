// The seal of a store that was stopped cleanly: the sizes of its logs. A cut log looks like one with a torn last write; a seal
// tells them apart, because a store that was stopped cleanly has no torn writes. Each open of a database gives it a new
// manifest, so a seal ends by itself with the next use.
import { readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeSynced } from '../../../../core/durable-file.js'
import { namesIn } from './folder-names.js'
import { manifestName } from './manifest.js'

/** The sizes of the logs of one database in bytes, by name. */
export interface DatabaseSeal {
  manifest: string
  logs: Record<string, number>
}

const sealFile = 'stopped.json'

/** Seals the databases of a folder after they have been closed. A failure leaves the store without a seal. */
export async function sealStore(folder: string, databases: string[]): Promise<void> {
  const seals: Record<string, DatabaseSeal> = {}
  const temporary = join(folder, `${sealFile}.new`)
  try {
    for (const name of databases) seals[name] = await sealOf(join(folder, name))
    await rm(temporary, { force: true })
    await writeSynced(temporary, `${JSON.stringify(seals)}\n`)
    await rename(temporary, join(folder, sealFile))
  } catch {
    // such as a full disk: the next start then cannot tell a cut log from a torn write
  }
}

async function sealOf(folder: string): Promise<DatabaseSeal> {
  const logs: Record<string, number> = {}
  for (const name of await namesIn(folder)) {
    if (/^\d+\.log$/.test(name)) logs[name] = (await stat(join(folder, name))).size
  }
  return { manifest: await manifestName(folder), logs }
}

/** The seal of a database; undefined if the database was used since, or has none. */
export async function readSeal(folder: string, database: string): Promise<DatabaseSeal | undefined> {
  try {
    const seals: Record<string, DatabaseSeal> = JSON.parse(await readFile(join(folder, sealFile), 'utf8'))
    const seal = seals[database]
    return seal?.manifest === (await manifestName(join(folder, database))) ? seal : undefined
  } catch {
    return undefined
  }
}
