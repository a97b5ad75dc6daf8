// A copy of one record in a file: the bytes of an encserver.v1.RetrieveEnvelopeResponse, nothing before or after, so that
// `protoc --decode` reads it too. It holds what the back end holds: ciphertext, pseudonyms and the user's wrapped keys.
import { createReadStream } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { invalidField } from '../../core/errors.js'
import { RetrieveEnvelopeResponse, type SealedRecord, type UserDocument } from '../../gen/encserver/v1/backend.js'
import type { Session } from '../program/program.js'

export interface RecordCopy {
  record: SealedRecord
  user: UserDocument
}

// What a back end takes in one message.
const maxCopyBytes = 4 * 1024 * 1024

export function encodeCopy(copy: RecordCopy): Buffer {
  return Buffer.from(RetrieveEnvelopeResponse.encode(copy).finish())
}

/** A copy holds one message of the back end; a record in parts would come back without its contents. */
export function refuseParts(flag: string, { partCount }: SealedRecord): void {
  if (partCount === 0) return
  const message = `the contents are in ${partCount} parts, which a copy does not hold; \`feclient download\` copies them, opened`
  throw invalidField(flag, message)
}

/** Throws INVALID_REQUEST for a file that `beclient get --out` did not write, or not whole. */
export async function readCopy(path: string, { signal }: Session): Promise<RecordCopy> {
  const bytes = await buffer(createReadStream(path, { end: maxCopyBytes, signal })) // one byte more, to see that it is too long
  const { record, user } = bytes.length > maxCopyBytes ? {} : decode(bytes)
  if (record && user) return { record, user }
  throw invalidField('--in', `${path} is not a record as \`beclient get --out\` writes it`)
}

function decode(bytes: Buffer): Partial<RetrieveEnvelopeResponse> {
  try {
    return RetrieveEnvelopeResponse.decode(bytes)
  } catch {
    return {} // cut, or something else
  }
}
