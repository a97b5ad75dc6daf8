// The metadata of a LevelDB store whose back end is stopped, for the `enc-server keyring` commands.
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { type Level, openLevelHandle } from '../backend/engines/level/handle.js'
import { formatKey, keyChecksKey, keyringKey, metaCodec } from '../backend/engines/level/meta.js'
import { readKeyChecks } from '../backend/store/key-checks.js'
import { noBytes } from '../core/frame.js'
import { keyNameOf } from '../core/key-check.js'
import type { GetStoreInfoResponse } from '../gen/encserver/v1/backend.js'
import { accessError } from './level-records.js'

const bufferBytes = 1024 * 1024

/** Opens the metadata in a data folder for one use. Rejects with INVALID_REQUEST if it has no store or cannot be read. */
async function withMeta<T>(folder: string, work: (meta: Level<Buffer>) => Promise<T>): Promise<T> {
  const path = join(folder, 'meta')
  // LevelDB would create a store in a folder without one.
  await access(join(path, 'CURRENT')).catch((cause) => {
    throw accessError(folder, cause)
  })
  const handle = await openLevelHandle({ folder: path, codec: metaCodec, bufferBytes, create: false })
  try {
    return await handle.use(work)
  } finally {
    await handle.close()
  }
}

/** Reads the metadata of a store; rejects as `withMeta` does. */
export function readLevelMeta(folder: string): Promise<GetStoreInfoResponse> {
  return withMeta(folder, async (meta) => {
    const [format, keyringId, keyChecks] = await meta.getMany([formatKey, keyringKey, keyChecksKey])
    return {
      format: Number(format),
      keyringId: keyringId ?? noBytes,
      keyChecks: readKeyChecks(keyChecks),
      empty: false, // it may have no record yet; a comparison of keys does not need to know
    }
  })
}

/** Removes the key checks of a store, durably; returns the names of their keys. Rejects as `withMeta` does. */
export function removeLevelKeyChecks(folder: string): Promise<string[]> {
  return withMeta(folder, async (meta) => {
    const checks = readKeyChecks(await meta.get(keyChecksKey))
    await meta.batch([{ type: 'del', key: keyChecksKey }], { sync: true })
    return checks.map(keyNameOf)
  })
}
