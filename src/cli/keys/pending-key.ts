// The record key of a write in a file FILE.pending, on disk before the write begins. Whatever happens to the program or to the
// answer, a record that was stored has its key there; FILE appears once the answer has come.
import { unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder, writeSynced } from '../../core/durable-file.js'
import { invalidField } from '../../core/errors.js'
import { newRecordKey, type TokenKeyMode } from '../../frontend/client.js'
import { checkDestination, type Destination, publishFile } from '../files/atomic-file.js'

/** A record key that is on disk. */
export interface PendingKey {
  readonly recordKey: string
  /** The file that has the key until `publish`. */
  readonly path: string
  /** Gives the file its final name, durably. */
  publish(): Promise<void>
  /** Removes the file of a write that has not taken effect. */
  discard(): Promise<void>
}

/** Draws a record key of that mode and writes it, durably. Rejects with INVALID_REQUEST if an earlier one is there. */
export async function writePendingKey(destination: Destination, mode: TokenKeyMode): Promise<PendingKey> {
  await checkDestination(destination)
  const path = `${destination.path}.pending`
  const recordKey = newRecordKey(mode)
  await writeSynced(path, `${recordKey}\n`).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'EEXIST' ? earlierKey(path, destination.flag) : cause
  })
  await syncFolder(dirname(path))
  return {
    recordKey,
    path,
    publish: () => publishFile(path, destination),
    discard: () => unlink(path),
  }
}

function earlierKey(path: string, flag: string) {
  return invalidField(
    flag,
    `${path} has the record key of an earlier write whose outcome is unknown: rename it if it opens the record, else remove it`,
  )
}
