// Which requests for parts the back end accepts.

import { keyIdBytes, recordIdBytes } from '../../core/envelope-sizes.js'
import type { RetrievePartRequest, StorePartRequest } from '../../gen/encserver/v1/backend.js'
import { between, exactly, maxParts } from './validate.js'

const maxPartBytes = 2 * 1024 * 1024

function validateName({ recordId, keyId, partNumber }: RetrievePartRequest | StorePartRequest): void {
  exactly(recordId, recordIdBytes, 'record_id')
  exactly(keyId, keyIdBytes, 'key_id')
  between(partNumber, [0, maxParts - 1], ['part_number', ''])
}

export function validateStorePart(request: StorePartRequest): void {
  validateName(request)
  between(request.data.length, [1, maxPartBytes], ['data', ' bytes'])
}

/** Any range may be asked for: whether the part has it, the store knows. */
export function validateRetrievePart(request: RetrievePartRequest): void {
  validateName(request)
}
