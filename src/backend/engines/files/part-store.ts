// The parts of the embedded store: files below one folder (part-folders.ts). One process owns the folder: it is in that of
// the store, which LevelDB locks.
import { mkdir, rm, rmdir, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makePrivateFolder, syncFolder, writeSynced } from '../../../core/durable-file.js'
import { VaultError } from '../../../core/errors.js'
import { admission } from '../../../core/server/admission.js'
import { checkDeadline } from '../../store/deadline.js'
import type { PartSetState, PartStore } from '../../store/part-store.js'
import type { StoreCall } from '../../store/store.js'
import { errorCode, ignoreMissing } from './absent-file.js'
import { fileError } from './errors.js'
import { readPiece, setFolders } from './part-file.js'
import { folderOf, foldersAbove, partNumbersIn, setsIn } from './part-folders.js'

async function stateIn(setFolder: string): Promise<PartSetState | undefined> {
  let count = 0
  let last = -1
  for await (const partNumber of partNumbersIn(setFolder)) {
    count += 1
    last = Math.max(last, partNumber)
  }
  const first = await stat(join(setFolder, '0')).catch(ignoreMissing)
  return first && count === last + 1 ? { count, begun: first.mtime } : undefined
}

/** Removes a folder unless something is in it. */
async function removeEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') ignoreMissing(error)
  })
}

async function removeSet(setFolder: string, call: StoreCall): Promise<void> {
  // One by one, so that a stop does not wait for many thousand of them.
  for await (const partNumber of partNumbersIn(setFolder)) {
    checkDeadline(call)
    await unlink(join(setFolder, String(partNumber))).catch(ignoreMissing)
  }
  await rm(setFolder, { recursive: true, force: true })
  const [record, user] = foldersAbove(setFolder)
  await removeEmpty(record)
  await removeEmpty(user)
}

function filePartStore(root: string, unfinished: string): PartStore {
  const folders = setFolders()
  const work = admission(Number.POSITIVE_INFINITY)
  let closed = false
  let written = 0

  function run<T>(task: () => Promise<T>, call: StoreCall): Promise<T> {
    return work.run(async () => {
      checkDeadline(call)
      if (closed) throw new VaultError('STORE_UNAVAILABLE')
      return task().catch((error: unknown) => Promise.reject(fileError(error)))
    })
  }

  return {
    put: ({ partNumber, data, ...set }, call) =>
      run(async () => {
        const path = join(unfinished, String(written++))
        try {
          await writeSynced(path, data)
          await folders.place({ path, data }, folderOf(root, set), partNumber)
        } finally {
          await unlink(path).catch(() => undefined) // the next start removes it, if it is there at all
        }
      }, call),
    get: (piece, call) => run(() => readPiece(join(folderOf(root, piece), String(piece.partNumber)), piece), call),
    state: (set, call) => run(() => stateIn(folderOf(root, set)), call),
    newest: (set, call) => run(async () => (await stat(folderOf(root, set)).catch(ignoreMissing))?.mtime, call), // each new part changes it
    async *sets(call) {
      const found = setsIn(root)
      try {
        for (let next = await run(() => found.next(), call); !next.done; next = await run(() => found.next(), call)) {
          yield next.value
        }
      } finally {
        await found.return(undefined)
      }
    },
    remove: (set, call) =>
      run(async () => {
        const folder = folderOf(root, set)
        folders.forget(folder)
        await removeSet(folder, call)
      }, call),
    async close() {
      closed = true
      await work.idle()
    },
  }
}

/** Opens the folder, and makes it if it is not there; what an ended process left unfinished is removed. */
export async function openFilePartStore(root: string): Promise<PartStore> {
  const unfinished = join(root, '.unfinished')
  try {
    await makePrivateFolder(root)
    await syncFolder(dirname(root)) // it may have been made by a process that ended before it synced
    await rm(unfinished, { recursive: true, force: true })
    await mkdir(unfinished, { mode: 0o700 })
  } catch (error) {
    const message = `cannot open the parts in ${root} (${errorCode(error)})`
    throw new VaultError('STORE_UNAVAILABLE', { message, cause: error })
  }
  return filePartStore(root, unfinished)
}
