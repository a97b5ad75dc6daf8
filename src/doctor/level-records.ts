// Read access to the records of a LevelDB store whose back end is stopped, for `enc-server inspect`.
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { openLevelHandle } from '../backend/engines/level/handle.js'
import { contentsBufferBytes } from '../backend/engines/level/store.js'
import { VaultError } from '../core/errors.js'
import { SealedRecord } from '../gen/encserver/v1/backend.js'

const codec = {
  encode: (record: SealedRecord) => SealedRecord.encode(record).finish(),
  decode: (bytes: Buffer) => SealedRecord.decode(bytes),
}

/** Opens the records in a data folder. Rejects with INVALID_REQUEST if it has no store or cannot be read. */
export async function openLevelRecords(folder: string) {
  const path = join(folder, 'records')
  // LevelDB would create a store in a folder without one.
  await access(join(path, 'CURRENT')).catch((cause) => {
    throw accessError(folder, cause)
  })
  const handle = await openLevelHandle({ folder: path, codec, create: false, bufferBytes: contentsBufferBytes })
  return {
    async *records() {
      const level = await handle.use(async (opened) => opened)
      for await (const [recordId, record] of level.iterator()) yield { recordId, record }
    },
    close: handle.close,
  }
}

/** The error for a data folder whose store is missing or cannot be read. */
export function accessError(folder: string, cause: NodeJS.ErrnoException): VaultError {
  const isMissing = cause.code === 'ENOENT' || cause.code === 'ENOTDIR'
  const message = isMissing
    ? `there is no store in ${folder}: name the data folder of a back end`
    : `${folder} cannot be read (${cause.code}): run this as the user of the back end`
  return new VaultError('INVALID_REQUEST', { message, cause })
}
