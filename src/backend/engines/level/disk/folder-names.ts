// The names in a folder of a store.
import { readdir } from 'node:fs/promises'

/** The names in a folder, `lost+found` of a mount point aside; none if the folder is absent. */
export async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return names.filter((name) => name !== 'lost+found')
}
