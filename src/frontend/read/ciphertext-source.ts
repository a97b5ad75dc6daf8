// The source of a stored record's sealed chunks: its envelope, or its parts. Callers read both part by part. Both sizes
// are unverified claims of the back end until the last chunk is opened.
import { envelopeHeaderBytes } from '../../core/envelope-sizes.js'
import { VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import { plaintextSize } from '../crypto/chunks.js'
import { readHeader } from '../crypto/envelope.js'
import { corrupt } from '../crypto/errors.js'
import { maxPartedBytes, partCount, sealedPartBytes } from '../crypto/parts.js'
import { retryTransient } from '../upstream/retry.js'
import type { Vault } from '../vault/vault.js'
import type { RecordRead, StoredRecord } from './open-record.js'

/** A range of the sealed bytes of one part. */
export interface SealedRange {
  partNumber: number
  offset: number
  length: number
}

/** Random access to the sealed chunks of a record. */
export interface CiphertextSource {
  /** The size of the plaintext, unverified. */
  claimedSize: number
  /** Exactly that range; rejects with RECORD_CORRUPT if it is missing, with RECORD_REPLACED if the record is gone too. */
  read(range: SealedRange, call: CallContext): Promise<Buffer>
}

/** Throws RECORD_CORRUPT if the sizes contradict each other. */
export function ciphertextSource(vault: Vault, read: RecordRead, record: StoredRecord): CiphertextSource {
  const { sealed, opened } = record
  if (sealed.partCount === 0) return envelopeSource(sealed.envelope, opened.cipher.chunkLog2)
  const claimedSize = Number(sealed.sizeBytes)
  const fits = claimedSize <= maxPartedBytes && partCount(claimedSize) === sealed.partCount
  if (!fits || sealed.envelope.length !== envelopeHeaderBytes) throw corrupt('parts')
  const { recordId } = sealed
  const { keyId } = opened
  const { backend, retryLimits } = vault
  return {
    claimedSize,
    async read(range, call) {
      const request = { recordId, keyId, partSetId: sealed.partSetId, ...range }
      try {
        const { data } = await retryTransient(
          (attemptCall) => backend.retrievePart(request, attemptCall),
          call,
          retryLimits,
        )
        if (data.length !== range.length) throw corrupt('part')
        return data
      } catch (error) {
        const isMissing = error instanceof VaultError && error.reason === 'PART_NOT_FOUND'
        throw isMissing ? await missingPartError(vault, { read, keyId }, call) : error
      }
    },
  }
}

function envelopeSource(envelope: Buffer, chunkLog2: number): CiphertextSource {
  return {
    claimedSize: plaintextSize(envelope.length, chunkLog2),
    async read({ partNumber, offset, length }) {
      const at = envelopeHeaderBytes + partNumber * sealedPartBytes(chunkLog2) + offset
      return envelope.subarray(at, at + length)
    },
  }
}

/**
 * RECORD_REPLACED if the record went with its part, else RECORD_CORRUPT. The back end could lie about that; the answer
 * only tells the caller what to do next.
 */
async function missingPartError(
  { backend, retryLimits }: Vault,
  { read, keyId }: { read: RecordRead; keyId: Buffer },
  call: CallContext,
): Promise<VaultError> {
  const { recordIds, request } = read
  const { record } = await retryTransient(
    (attemptCall) => backend.retrieveEnvelope({ recordIds, version: request.version }, attemptCall),
    call,
    retryLimits,
  )
  const isThere = record !== undefined && readHeader(record.envelope).keyId.equals(keyId)
  return isThere ? corrupt('part') : new VaultError('RECORD_REPLACED')
}
