// The manifest of a LevelDB: a log of edits that says which tables and which log hold the rows (db/version_edit.cc of
// LevelDB). LevelDB does not notice a removed log, so a check needs the number that the manifest has for it.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { scanLog } from './log-scan.js'

/** The files that the rows of a database are in. */
export interface Manifest {
  /** The oldest log with rows that are in no table yet; 0 for a database that was never opened completely. */
  logNumber: number
  /** The sizes of the tables in bytes, by their number. */
  tables: Map<number, number>
}

/** Reads the manifest that CURRENT names; throws an error with the file and its problem. */
export async function readManifest(folder: string): Promise<Manifest> {
  const name = await manifestName(folder)
  const manifest: Manifest = { logNumber: 0, tables: new Map() }
  let edits = 0
  const { lostBytes } = await scanLog(join(folder, name), (edit) => {
    applyEdit(manifest, edit, name)
    edits += 1
  }).catch((error: NodeJS.ErrnoException) => {
    throw error.code === undefined ? error : new Error(`${name} ${problemOf(error)}`)
  })
  if (lostBytes > 0 || edits === 0) throw new Error(`${name} is damaged`)
  return manifest
}

/** The name of the manifest, which CURRENT holds; throws an error with the problem. Each open of a database makes a new one. */
export async function manifestName(folder: string): Promise<string> {
  const current = await readFile(join(folder, 'CURRENT'), 'latin1').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`CURRENT ${problemOf(error)}`)
  })
  const name = /^(MANIFEST-\d+)\n$/.exec(current)?.[1]
  if (name === undefined) throw new Error('CURRENT is damaged')
  return name
}

function problemOf({ code }: NodeJS.ErrnoException): string {
  return code === 'ENOENT' ? 'is missing' : `cannot be read (${code})`
}

/** The tags of an edit, and the types of the values behind each. */
const fieldsByTag = new Map<number, ('number' | 'bytes')[]>([
  [1, ['bytes']], // comparator
  [2, ['number']], // log
  [3, ['number']], // next file
  [4, ['number']], // last sequence
  [5, ['number', 'bytes']], // compaction pointer
  [6, ['number', 'number']], // removed table: level, number
  [7, ['number', 'number', 'number', 'bytes', 'bytes']], // new table: level, number, size, first and last key
  [9, ['number']], // previous log
])

function applyEdit(manifest: Manifest, edit: Buffer, name: string): void {
  for (let at = 0; at < edit.length; ) {
    const tag = readVarint(edit, at)
    const fields = fieldsByTag.get(tag.value)
    if (fields === undefined) throw new Error(`${name} is damaged`)
    at = tag.next
    const numbers: number[] = []
    for (const field of fields) {
      const { value, next } = readVarint(edit, at)
      if (field === 'number') numbers.push(value)
      at = field === 'number' ? next : next + value
    }
    applyField(manifest, tag.value, numbers)
  }
}

function applyField(manifest: Manifest, tag: number, [one = 0, two = 0, three = 0]: number[]): void {
  if (tag === 2) manifest.logNumber = one
  if (tag === 6) manifest.tables.delete(two)
  if (tag === 7) manifest.tables.set(two, three)
}

function readVarint(bytes: Buffer, at: number): { value: number; next: number } {
  let value = 0
  for (let next = at, factor = 1; next < bytes.length; next += 1, factor *= 128) {
    const byte = bytes[next] as number
    value += (byte & 0x7f) * factor
    if (byte < 0x80) return { value, next: next + 1 }
  }
  return { value, next: bytes.length }
}
