// The record key of a write in a file FILE.<8 hex digits>.pending, on disk before the write begins. Whatever happens to the program
// or to the answer, a record that was stored has its key there; FILE appears once the answer has come.
import { readdir, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { syncFolder, writeSynced } from '../../core/durable-file.js'
import { newRecordKey, type TokenKeyMode } from '../../frontend/client.js'
import { checkDestination, type Destination, publishFile } from '../files/atomic-file.js'

/** A record key that is on disk. */
export interface PendingKey {
  readonly recordKey: string
  /** The file that has the key until `publish`. */
  readonly path: string
  /** Files of earlier writes to the same destination whose outcome was not known. */
  readonly earlier: string[]
  /** Gives the file its final name, durably. */
  publish(): Promise<void>
  /** Removes the file of a write that has not taken effect. */
  discard(): Promise<void>
}

/** Draws a record key of that mode and writes it, durably. Rejects with INVALID_REQUEST if FILE cannot be placed. */
export async function writePendingKey(destination: Destination, mode: TokenKeyMode): Promise<PendingKey> {
  await checkDestination(destination)
  const path = `${destination.path}.${globalThis.crypto.randomUUID().slice(0, 8)}.pending`
  const recordKey = newRecordKey(mode)
  await writeSynced(path, `${recordKey}\n`)
  await syncFolder(dirname(path))
  const earlier = (await pendingFilesOf(destination.path)).filter((each) => each !== join(path))
  return {
    recordKey,
    path,
    earlier,
    publish: () => publishFile(path, destination),
    discard: () => unlink(path),
  }
}

async function pendingFilesOf(path: string): Promise<string[]> {
  const [folder, name] = [dirname(path), basename(path)]
  const isPending = (each: string) =>
    each.startsWith(`${name}.`) && /^[0-9a-f]{8}\.pending$/.test(each.slice(name.length + 1))
  return (await readdir(folder)).filter(isPending).map((each) => join(folder, each))
}
