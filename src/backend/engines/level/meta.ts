// What a LevelDB store says of itself: its format, and the keyring bound to it.

import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { VaultError } from '../../../core/errors.js'
import { noDeadline } from '../../store/deadline.js'
import type { StoreCall } from '../../store/store.js'
import type { LevelDatabase } from './database.js'

export const knownFormat = 1
export const keyringKey = Buffer.from('keyring_id')

const formatKey = Buffer.from('format')

export const metaCodec = { encode: (value: Buffer) => value, decode: (value: Buffer) => value }

/** Sets the key if it is not set; returns what it holds now. */
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

/** Whether the folder holds a LevelDB; an empty one may be a mount of its own. */
async function holdsLevel(folder: string): Promise<boolean> {
  return access(join(folder, 'CURRENT')).then(
    () => true,
    () => false,
  )
}

/** Throws STORE_FORMAT unless the store, with its other folders, is new or of the known format. */
export async function checkFormat(meta: LevelDatabase<Buffer>, others: string[]): Promise<void> {
  const stored = await meta.get(formatKey, noDeadline)
  if (stored !== undefined && stored.toString() !== String(knownFormat)) {
    const message = `the store has format ${stored}; this version knows format ${knownFormat}`
    throw new VaultError('STORE_FORMAT', { message })
  }
  if (stored !== undefined) return
  // The format is written before the other databases are made: without it, this is no new store but part of one.
  if ((await Promise.all(others.map(holdsLevel))).includes(true)) {
    const message = 'the store has records but no format number; restore its meta folder from the same backup'
    throw new VaultError('STORE_FORMAT', { message })
  }
  await setIfAbsent(meta, { key: formatKey, value: Buffer.from(String(knownFormat)), call: noDeadline })
}
