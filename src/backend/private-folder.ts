// Folders that only this user may enter, and that are still there after a power cut.
import { chmod, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes the folder and what leads to it. A synced file is of no use in a folder whose own entry was lost. */
export async function makePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
  await syncFolder(dirname(folder))
}
