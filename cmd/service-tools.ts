// What enc-server needs of the services beside their clients.
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { openLevelHandle } from '../src/backend/engines/level/handle.js'
import { contentsBufferBytes } from '../src/backend/engines/level/store.js'
import type { ServiceTools } from '../src/cli/enc-server/enc-server.js'
import { VaultError } from '../src/core/errors.js'
import { diagnose } from '../src/doctor/diagnose.js'
import { randomSource } from '../src/frontend/crypto/random.js'
import { createKeyring } from '../src/frontend/keys/keyring-file.js'
import { SealedRecord } from '../src/gen/encserver/v1/backend.js'
import { startVault } from './up.js'

const codec = {
  encode: (record: SealedRecord) => SealedRecord.encode(record).finish(),
  decode: (bytes: Buffer) => SealedRecord.decode(bytes),
}

function noStore(folder: string, cause: NodeJS.ErrnoException): VaultError {
  const isAbsent = cause.code === 'ENOENT' || cause.code === 'ENOTDIR'
  const message = isAbsent
    ? `there is no store in ${folder}: name the data folder of a back end`
    : `${folder} cannot be looked at (${cause.code}): run this as the user of the back end`
  return new VaultError('INVALID_REQUEST', { message, cause })
}

export const serviceTools: ServiceTools = {
  startVault,
  diagnose,
  createKeyring: (path, realm) => createKeyring(path, realm, randomSource()),
  async openStore(folder) {
    const path = join(folder, 'records')
    // LevelDB would make one where there is none.
    await access(join(path, 'CURRENT')).catch((cause) => {
      throw noStore(folder, cause)
    })
    const records = await openLevelHandle({ folder: path, codec, bufferBytes: contentsBufferBytes })
    return {
      async *records() {
        const level = await records.use(async (opened) => opened)
        for await (const [recordId, record] of level.iterator()) yield { recordId, record }
      },
      close: records.close,
    }
  },
}
