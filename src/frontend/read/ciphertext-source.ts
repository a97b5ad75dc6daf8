// Where the chunks of a stored record lie: in its envelope, or in parts. Both are read by part, and both sizes are the
// back end's word until the last chunk is opened.
import { VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import { headerSize, plaintextSize } from '../crypto/chunks.js'
import { readHeader } from '../crypto/envelope.js'
import { corrupt } from '../crypto/errors.js'
import { maxPartedBytes, partCount, sealedPartBytes } from '../crypto/parts.js'
import { retryTransient } from '../upstream/retry.js'
import type { Vault } from '../vault/vault.js'
import type { Retrieving, StoredRecord } from './open-record.js'

/** Sealed bytes of one part. */
export interface Piece {
  partNumber: number
  offset: number
  length: number
}

export interface CiphertextSource {
  claimedSize: number
  /** Exactly that piece; rejects with RECORD_CORRUPT when it is not there, or RECORD_REPLACED when that is why. */
  read(piece: Piece, call: CallContext): Promise<Buffer>
}

/** Throws RECORD_CORRUPT for sizes that do not fit each other. */
export function ciphertextSource(vault: Vault, retrieving: Retrieving, stored: StoredRecord): CiphertextSource {
  const { sealed, opened } = stored
  if (sealed.partCount === 0) return wholeBody(sealed.envelope, opened.cipher.chunkLog2)
  const claimedSize = Number(sealed.sizeBytes)
  const fits = claimedSize <= maxPartedBytes && partCount(claimedSize) === sealed.partCount
  if (!fits || sealed.envelope.length !== headerSize) throw corrupt('parts')
  const { recordId } = sealed
  const { keyId } = opened
  return {
    claimedSize,
    async read(piece, call) {
      try {
        const asked = { recordId, keyId, ...piece }
        const { data } = await retryTransient((once) => vault.backend.retrievePart(asked, once), call, vault.patience)
        if (data.length !== piece.length) throw corrupt('part')
        return data
      } catch (error) {
        const gone = error instanceof VaultError && error.reason === 'PART_NOT_FOUND'
        throw gone ? await whyGone(vault, { retrieving, keyId }, call) : error
      }
    },
  }
}

function wholeBody(envelope: Buffer, chunkLog2: number): CiphertextSource {
  return {
    claimedSize: plaintextSize(envelope.length, chunkLog2),
    async read({ partNumber, offset, length }) {
      const at = headerSize + partNumber * sealedPartBytes(chunkLog2) + offset
      return envelope.subarray(at, at + length)
    },
  }
}

/** Parts go with their record. Which of the two it is, is the back end's word, and only a matter of what to do next. */
async function whyGone(
  { backend, patience }: Vault,
  { retrieving, keyId }: { retrieving: Retrieving; keyId: Buffer },
  call: CallContext,
): Promise<VaultError> {
  const { recordIds, request } = retrieving
  const { record } = await retryTransient(
    (once) => backend.retrieveEnvelope({ recordIds, version: request.version }, once),
    call,
    patience,
  )
  const isThere = record !== undefined && readHeader(record.envelope).keyId.equals(keyId)
  return isThere ? corrupt('part') : new VaultError('RECORD_REPLACED')
}
