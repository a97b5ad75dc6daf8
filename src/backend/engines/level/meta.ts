// The metadata of a LevelDB store: its format number, and the id and key checks of the keyring bound to it.

import { noDeadline } from '../../store/deadline.js'
import { missingStoreFormat, mustRaiseFormat, storeFormat } from '../../store/format.js'
import { addKeyChecks, readKeyChecks } from '../../store/key-checks.js'
import type { StoreCall } from '../../store/store.js'
import type { LevelDatabase } from './database.js'

/** The key of the id of the bound keyring. */
export const keyringKey = Buffer.from('keyring_id')

/** The key of the row of key checks. */
export const keyChecksKey = Buffer.from('key_checks')

/** The key of the format number, in decimal. */
export const formatKey = Buffer.from('format')

/** Stores bytes as they are. */
export const metaCodec = { encode: (value: Buffer) => value, decode: (value: Buffer) => value }

/** Sets the key if it has no value; returns its value now. */
export function setIfAbsent(
  meta: LevelDatabase<Buffer>,
  { key, value, call }: { key: Buffer; value: Buffer; call: StoreCall },
): Promise<Buffer> {
  return meta.write<Buffer>({
    key,
    bytes: key.length + value.length,
    decide: (current) => (current ? { answer: current } : { change: { value }, answer: value }),
    call,
  })
}

/** As Store.bindKeyChecks. */
export function bindKeyChecks(meta: LevelDatabase<Buffer>, keyChecks: Buffer[], call: StoreCall): Promise<Buffer[]> {
  return meta.write<Buffer[]>({
    key: keyChecksKey,
    bytes: keyChecksKey.length + Buffer.concat(keyChecks).length,
    decide(row) {
      const value = addKeyChecks(row, keyChecks)
      return value ? { change: { value }, answer: readKeyChecks(value) } : { answer: readKeyChecks(row) }
    },
    call,
  })
}

/** Sets the format, durably. */
function writeFormat(meta: LevelDatabase<Buffer>): Promise<void> {
  const value = Buffer.from(String(storeFormat))
  const decide = () => ({ change: { value }, answer: undefined })
  return meta.write<void>({ key: formatKey, bytes: formatKey.length + value.length, decide, call: noDeadline })
}

/**
 * Throws STORE_FORMAT unless the store is new or has a known format, which an older one is raised to. A new store gets its
 * format before its other databases.
 */
export async function checkFormat(meta: LevelDatabase<Buffer>, isNew: boolean): Promise<void> {
  const stored = await meta.get(formatKey, noDeadline)
  if (stored === undefined && !isNew) throw missingStoreFormat('meta folder')
  if (stored === undefined || mustRaiseFormat(stored)) await writeFormat(meta)
}
