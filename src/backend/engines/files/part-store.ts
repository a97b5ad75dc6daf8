// The part store of the embedded engine: files below one folder (part-folders.ts). That folder lies in the folder of
// the record store, so LevelDB's lock gives it to one process.
import { mkdir, rm, rmdir, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { inFlight } from '../../../core/concurrency/in-flight.js'
import { makePrivateFolder, syncFolder, writeSynced } from '../../../core/durable-file.js'
import { VaultError } from '../../../core/errors.js'
import { checkDeadline } from '../../store/deadline.js'
import type { PartSetState, PartStore } from '../../store/part-store.js'
import type { StoreCall } from '../../store/store.js'
import { errorCode, fileError, ignoreMissing } from './fs-errors.js'
import { readPiece, setFolders } from './part-file.js'
import { folderOf, foldersAbove, partNumbersIn, setsIn } from './part-folders.js'

async function readState(setFolder: string): Promise<PartSetState | undefined> {
  let count = 0
  let last = -1
  for await (const partNumber of partNumbersIn(setFolder)) {
    count += 1
    last = Math.max(last, partNumber)
  }
  const first = await stat(join(setFolder, '0')).catch(ignoreMissing)
  return first && count === last + 1 ? { count, begun: first.mtime } : undefined
}

/** Removes a folder if it is empty. */
async function removeEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') ignoreMissing(error)
  })
}

async function removeSet(setFolder: string, call: StoreCall): Promise<void> {
  // One by one: the end of the call must not wait for thousands of files.
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
  const operations = inFlight()
  let closed = false
  let temporaryFiles = 0

  function run<T>(task: () => Promise<T>, call: StoreCall): Promise<T> {
    return operations.run(async () => {
      checkDeadline(call)
      if (closed) throw new VaultError('STORE_UNAVAILABLE')
      return task().catch((error: unknown) => Promise.reject(fileError(error)))
    })
  }

  return {
    put: ({ partNumber, data, ...set }, call) =>
      run(async () => {
        const path = join(unfinished, String(temporaryFiles++))
        try {
          await writeSynced(path, data)
          await folders.link({ path, data }, folderOf(root, set), partNumber)
        } finally {
          await unlink(path).catch(() => undefined) // absent after a failed write; the next start removes leftovers
        }
      }, call),
    get: (piece, call) => run(() => readPiece(join(folderOf(root, piece), String(piece.partNumber)), piece), call),
    state: (set, call) => run(() => readState(folderOf(root, set)), call),
    // each new part changes the time of the folder
    newest: (set, call) => run(async () => (await stat(folderOf(root, set)).catch(ignoreMissing))?.mtime, call),
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
      await operations.idle()
    },
  }
}

/**
 * Opens the folder, creates it if absent, and removes the temporary files of an ended process. Throws
 * STORE_UNAVAILABLE.
 */
export async function openFilePartStore(root: string): Promise<PartStore> {
  const unfinished = join(root, '.unfinished')
  try {
    await makePrivateFolder(root)
    await syncFolder(dirname(root)) // the process that made it may have ended before it synced the folder
    await rm(unfinished, { recursive: true, force: true })
    await mkdir(unfinished, { mode: 0o700 })
  } catch (error) {
    const message = `cannot open the parts in ${root} (${errorCode(error)})`
    throw new VaultError('STORE_UNAVAILABLE', { message, cause: error })
  }
  return filePartStore(root, unfinished)
}
