// One record of import-legacy: where is it in the dump, and have it opened and stored by the front end. Nothing is opened
// here: no cipher is outside the front end.
import { open } from 'node:fs/promises'
import { InvalidArgumentError } from 'commander'
import type { CallOptions } from '../../core/client/client.js'
import { invalidField } from '../../core/errors.js'
import type { FrontendClient, ImportLegacyRecordResponse, KeyMode } from '../../frontend/client.js'
import type { LegacyDump } from './dump.js'
import type { LegacyKey } from './line.js'

/** The forms of the old format, by where the nonce is, with the field in which their service kept ids. */
export const legacyForms = {
  prefixed: { idField: 'id', nonceInFront: true },
  bare: { idField: '_id', nonceInFront: false },
} as const

export type LegacyForm = keyof typeof legacyForms

export interface LegacyImporting {
  client: Pick<FrontendClient, 'getLegacyId' | 'importLegacyRecord'>
  dump: Pick<LegacyDump, 'find'>
  form: LegacyForm
  /** Of all ids, in form prefixed. */
  idKey: Buffer | undefined
  /** Of all ids; in form bare of all records too. */
  idNonce: Buffer | undefined
  keyMode: KeyMode | undefined
}

const nonceBytes = 12
const idKeyBytes = 32

/** Imports one record at each call. */
export function legacyImporter(importing: LegacyImporting) {
  const { client, dump, form, idNonce, keyMode } = importing
  return async (wanted: LegacyKey, options: CallOptions): Promise<ImportLegacyRecordResponse> => {
    const { userId, recordName, key } = wanted
    const blob = await dump.find(wanted.storedId ?? (await storedId(wanted, importing, options)))
    const nonce = form === 'bare' && idNonce ? { nonce: idNonce } : {}
    return client.importLegacyRecord({ userId, recordName, key, blob, ...nonce, ...(keyMode && { keyMode }) }, options)
  }
}

/** Under which id the earlier service kept the user. */
async function storedId(
  { userId, key: recordKey }: LegacyKey,
  { client, form, idKey, idNonce }: LegacyImporting,
  options: CallOptions,
): Promise<Buffer> {
  const key = form === 'bare' ? recordKey : idKey
  if (key === undefined || idNonce === undefined) {
    throw invalidField('stored_id', 'is missing; --id-key-file and --id-nonce find it')
  }
  const { nonceInFront } = legacyForms[form]
  return (await client.getLegacyId({ userId, key, nonce: idNonce, nonceInFront }, options)).legacyId
}

/** The flag's text as bytes: what the old setting held is text, even where it looks like hex. */
export function parseNonce(text: string): Buffer {
  const nonce = Buffer.from(text)
  if (nonce.length === nonceBytes) return nonce
  throw new InvalidArgumentError(`It must be ${nonceBytes} bytes: the text of the old setting, which is no hex.`)
}

/** The key of all ids, from a file that may end in a line break. */
export async function readIdKey(path: string): Promise<Buffer> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(idKeyBytes + 3), 0, idKeyBytes + 3, 0)
    const text = buffer.toString('latin1', 0, bytesRead)
    const size = text.replace(/\r?\n$/, '').length
    if (size === idKeyBytes) return buffer.subarray(0, size)
    throw invalidField('--id-key-file', `must hold ${idKeyBytes} bytes: the text of the old setting`)
  } finally {
    await file.close()
  }
}
