// The check of a LevelDB's files before LevelDB opens them. LevelDB starts empty without CURRENT, and deletes the tables; it
// does not notice a removed log, and skips damage in a log without an error. This check only reads: it takes no lock.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { namesIn } from './folder-names.js'
import { type LogScan, scanLog } from './log-scan.js'
import { type Manifest, readManifest } from './manifest.js'
import type { DatabaseSeal } from './seal.js'

/** A loss that leaves the other rows readable. */
export interface Damage {
  /** The database, such as `records`. */
  database: string
  /** The file in its folder. */
  file: string
  bytes: number
  /**
   * `lost`: bytes that were durable once. `torn`: an incomplete last write, as an ended process leaves it; whether the file
   * was cut cannot be told.
   */
  kind: 'lost' | 'torn'
}

/** A database as its files show it. */
export interface Inspection {
  /** Why the database cannot be opened without a loss of all its rows: the file and its problem. */
  problem?: string
  damage: Damage[]
}

/**
 * Inspects the database `name` in the folder of a store. `sealed` has the sizes of its logs after a clean stop, if that was
 * the last use (seal.ts). Rejects with errors of the file system.
 */
export async function inspectDatabase(store: string, name: string, sealed?: DatabaseSeal): Promise<Inspection> {
  const folder = join(store, name)
  const names = await namesIn(folder)
  if (names.length === 0) return { problem: 'the folder is missing or empty', damage: [] }
  try {
    const manifest = await readManifest(folder)
    const logs = logsOf(names, manifest)
    const tables = await damagedTables(folder, manifest)
    const damage = [...tables]
    for (const file of logs) {
      const mayBeTorn = sealed === undefined && file === logs.at(-1)
      damage.push(...damageOf(file, await scanLog(join(folder, file)), mayBeTorn))
    }
    damage.push(...(await cutLogs(folder, sealed)))
    return { damage: damage.map((found) => ({ database: name, ...found })) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== undefined) throw error
    return { problem: (error as Error).message, damage: [] }
  }
}

function logsOf(names: string[], { logNumber }: Manifest): string[] {
  const logs = names.filter((name) => /^\d+\.log$/.test(name) && Number.parseInt(name, 10) >= logNumber).sort()
  const hasLog = logs.some((name) => Number.parseInt(name, 10) === logNumber)
  if (logNumber > 0 && !hasLog) throw new Error(`${fileName(logNumber, 'log')} is missing`)
  return logs
}

function fileName(number: number, extension: string): string {
  return `${String(number).padStart(6, '0')}.${extension}`
}

function damageOf(file: string, { lostBytes, tornBytes }: LogScan, mayBeTorn: boolean): Omit<Damage, 'database'>[] {
  const all = [
    { file, bytes: mayBeTorn ? lostBytes : lostBytes + tornBytes, kind: 'lost' as const },
    { file, bytes: mayBeTorn ? tornBytes : 0, kind: 'torn' as const },
  ]
  return all.filter(({ bytes }) => bytes > 0)
}

/** Logs that are shorter than after the clean stop. */
async function cutLogs(folder: string, sealed: DatabaseSeal | undefined): Promise<Omit<Damage, 'database'>[]> {
  const found: Omit<Damage, 'database'>[] = []
  for (const [file, size] of Object.entries(sealed?.logs ?? {})) {
    const bytes = size - ((await sizeOf(join(folder, file))) ?? 0)
    if (bytes > 0) found.push({ file, bytes, kind: 'lost' })
  }
  return found
}

/** Tables that are cut. LevelDB refuses a database without one of its tables, but does not look at their sizes. */
async function damagedTables(folder: string, { tables }: Manifest): Promise<Omit<Damage, 'database'>[]> {
  const found: Omit<Damage, 'database'>[] = []
  for (const [number, size] of tables) {
    const file = fileName(number, 'ldb')
    const stored = await sizeOf(join(folder, file))
    if (stored === undefined) throw new Error(`${file} is missing`)
    if (stored < size) found.push({ file, bytes: size - stored, kind: 'lost' })
  }
  return found
}

function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    },
  )
}
