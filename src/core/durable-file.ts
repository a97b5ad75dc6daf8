// Files and folders that are still there after a power cut. A synced file is of no use in a folder whose own entry was
// lost, so every folder that was made is synced into the one above it.
import { mkdir, open } from 'node:fs/promises'
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
  const first = await mkdir(path, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  const highest = resolve(first).length
  for (let made = resolve(path); made.length >= highest; made = dirname(made)) await syncFolder(dirname(made))
}
