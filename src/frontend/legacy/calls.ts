// ImportLegacyRecord and GetLegacyId, the calls for records of the earlier services (their format: crypto/legacy/v0.ts).
import { invalidField } from '../../core/errors.js'
import type { Methods } from '../../core/methods.js'
import {
  type FrontendServiceServer,
  type ImportLegacyRecordRequest,
  StoreRecordRequest,
} from '../../gen/encserver/v1/frontend.js'
import type { FrontendConfig } from '../config.js'
import { nonceSize } from '../crypto/aead.js'
import { keySize } from '../crypto/hmac.js'
import { legacyId, legacyOverhead, openLegacy } from '../crypto/legacy/v0.js'
import { checkUserId } from '../service/validate.js'
import { legacyImport } from './import.js'

type Calls = Methods<FrontendServiceServer>

/** Both calls; they wipe the key in the request. Throws INVALID_REQUEST for an import without a last day. */
export function legacyCalls(
  { legacyImport: settings, maxRecordBytes }: Pick<FrontendConfig, 'legacyImport' | 'maxRecordBytes'>,
  { storeRecord }: Pick<Calls, 'storeRecord'>,
): Pick<Calls, 'importLegacyRecord' | 'getLegacyId'> {
  const { refuseUnlessOpen } = legacyImport(settings)
  return {
    async importLegacyRecord(request, call) {
      try {
        refuseUnlessOpen(Date.now())
        const data = open(request, maxRecordBytes)
        try {
          return await storeRecord(StoreRecordRequest.create({ ...storeFieldsOf(request), data }), call)
        } finally {
          data.fill(0)
        }
      } finally {
        request.key.fill(0)
      }
    },

    async getLegacyId({ userId, key, nonce, nonceInFront }) {
      try {
        refuseUnlessOpen(Date.now())
        checkUserId(userId)
        checkSize('key', key, keySize)
        checkSize('nonce', nonce, nonceSize)
        return { legacyId: legacyId({ key, nonce, prefixed: nonceInFront }, userId) }
      } finally {
        key.fill(0)
      }
    },
  }
}

/** The fields that a store takes unchanged, and checks. */
function storeFieldsOf(request: ImportLegacyRecordRequest) {
  const { userId, recordName, keyMode, callerAad, precondition, recordKey, writeId, triedMsAgo } = request
  return { userId, recordName, keyMode, callerAad, precondition, recordKey, writeId, triedMsAgo }
}

// A blob that is too short is not a field error: the stored bytes are damaged, and the caller did not make them.
function open({ blob, key, nonce }: ImportLegacyRecordRequest, maxRecordBytes: number): Buffer {
  checkSize('key', key, keySize)
  if (nonce.length > 0) checkSize('nonce', nonce, nonceSize)
  const maxBytes = maxRecordBytes + legacyOverhead - nonce.length
  if (blob.length > maxBytes) throw invalidField('blob', `must be at most ${maxBytes} bytes, not ${blob.length}`)
  return openLegacy({ key, nonce: nonce.length > 0 ? nonce : undefined }, blob)
}

function checkSize(field: string, bytes: Buffer, size: number): void {
  if (bytes.length !== size) throw invalidField(field, `must be ${size} bytes, not ${bytes.length}`)
}
