// Files and folders that survive a power failure. A synced file is still lost if the directory entry of its folder is
// lost, so the parent of every new folder is synced too.
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { link, open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** Makes entries that were created, linked or renamed in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Makes the folder and its missing parents, durably and for this user only. An existing folder keeps its mode. */
export async function makePrivateFolder(path: string): Promise<void> {
  for (const made of makeFolders(path).reverse()) await syncFolder(dirname(made))
}

/**
 * Makes the folder and its missing parents for this user only, and returns the new ones, the highest first. Node's recursive
 * mkdir is no alternative: it blocks in an endless loop in a folder that accepts no entries, such as /proc.
 */
export function makeFolders(path: string): string[] {
  const folder = resolve(path)
  const above = existsSync(dirname(folder)) ? [] : makeFolders(dirname(folder)) // another process may make it first
  try {
    mkdirSync(folder, { mode: 0o700 })
    return [...above, folder]
  } catch (error) {
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return above
    throw error
  }
}

/** Writes a new file for this user only, and syncs it; rejects with EEXIST when the name is taken. */
export async function writeSynced(path: string, data: Buffer | string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(data)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Gives a synced file a second name, durably. Rejects with EEXIST when the name is taken, as a link replaces no file. */
export async function linkNew(written: string, path: string): Promise<void> {
  await link(written, path)
  await syncFolder(dirname(path))
}
