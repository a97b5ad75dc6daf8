// The import of one legacy record: finds its document, and has the front end open and store it. Nothing is decrypted here:
// all ciphers are in the front end.
import { open } from 'node:fs/promises'
import { InvalidArgumentError } from 'commander'
import type { CallOptions } from '../../core/client/client.js'
import { invalidField } from '../../core/errors.js'
import type { FrontendClient, ImportLegacyRecordResponse, KeyMode } from '../../frontend/client.js'
import type { LegacyDump } from './dump.js'
import type { LegacyKey } from './line.js'

/** The forms of the old format: whether the nonce is in front, and the field of the ids. */
export const legacyForms = {
  prefixed: { idField: 'id', nonceInFront: true },
  bare: { idField: '_id', nonceInFront: false },
} as const

/** The name of a form. */
export type LegacyForm = keyof typeof legacyForms

/** What an importer uses. */
export interface LegacyImporterOptions {
  client: Pick<FrontendClient, 'getLegacyId' | 'importLegacyRecord'>
  dump: Pick<LegacyDump, 'find'>
  form: LegacyForm
  /** The key of all ids, in form prefixed. */
  idKey: Buffer | undefined
  /** The nonce of all ids; in form bare, of all records too. */
  idNonce: Buffer | undefined
  keyMode: KeyMode | undefined
}

const nonceBytes = 12
const idKeyBytes = 32

/** A function that imports one record. */
export function legacyImporter(options: LegacyImporterOptions) {
  const { client, dump, form, idNonce, keyMode } = options
  return async (record: LegacyKey, callOptions: CallOptions): Promise<ImportLegacyRecordResponse> => {
    const { userId, recordName, key } = record
    const blob = await dump.find(record.storedId ?? (await storedId(record, options, callOptions)))
    const nonce = form === 'bare' && idNonce ? { nonce: idNonce } : {}
    return client.importLegacyRecord(
      { userId, recordName, key, blob, ...nonce, ...(keyMode && { keyMode }) },
      callOptions,
    )
  }
}

/** The id of the user's document, which the front end computes. */
async function storedId(
  { userId, key: recordKey }: LegacyKey,
  { client, form, idKey, idNonce }: LegacyImporterOptions,
  options: CallOptions,
): Promise<Buffer> {
  const key = form === 'bare' ? recordKey : idKey
  if (key === undefined || idNonce === undefined) {
    throw invalidField('stored_id', 'is missing; --id-key-file and --id-nonce find it')
  }
  const { nonceInFront } = legacyForms[form]
  return (await client.getLegacyId({ userId, key, nonce: idNonce, nonceInFront }, options)).legacyId
}

/** The bytes of the flag's text. The old setting was text, even where it looks like hex. */
export function parseNonce(text: string): Buffer {
  const nonce = Buffer.from(text)
  if (nonce.length === nonceBytes) return nonce
  throw new InvalidArgumentError(`It must be ${nonceBytes} bytes: the text of the old setting, not hex.`)
}

/** Reads the key of all ids, from a file that may end in a line break; throws INVALID_REQUEST for another size. */
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
