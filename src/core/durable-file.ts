// Files and folders that are still there after a power cut. A synced file is of no use in a folder whose own entry was
// lost, so every folder that was made is synced into the one above it.
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { link, open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** Makes what was created, linked or renamed in a folder last. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Makes the folder and what leads to it, for this user only. A folder that is there keeps its mode. */
export async function makePrivateFolder(path: string): Promise<void> {
  for (const made of makeFolders(path).reverse()) await syncFolder(dirname(made))
}

/**
 * Makes the folder and what leads to it, for this user only, and returns what it made, the highest first. Not `recursive`
 * of Node's mkdir: that tries for ever, and blocks, where nothing can be made although the folder above is there (/proc).
 */
export function makeFolders(path: string): string[] {
  const folder = resolve(path)
  const above = existsSync(dirname(folder)) ? [] : makeFolders(dirname(folder)) // or somebody else just makes it: as good
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

/** Gives a synced file a second name, durably. Rejects with EEXIST when the name is taken: a link replaces no file. */
export async function linkNew(written: string, path: string): Promise<void> {
  await link(written, path)
  await syncFolder(dirname(path))
}
