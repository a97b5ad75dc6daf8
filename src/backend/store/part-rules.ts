// Rules of parts that hold in every engine: the byte range of a piece, and the conflict of two parts with one number.
import { VaultError } from '../../core/errors.js'
import type { PartPiece } from './part-store.js'

/** The bytes of the piece in a part of `size` bytes, `end` excluded; throws RANGE_PAST_END for bytes past the end. */
export function byteRangeOf(size: number, { offset, length }: PartPiece): { start: number; end: number } {
  const end = length === 0 ? size : offset + length
  if (offset > size || end > size) {
    throw new VaultError('RANGE_PAST_END', { message: `the range is past the end: the part has ${size} bytes` })
  }
  return { start: offset, end }
}

/** The error for a second part of one number that has other bytes. */
export function partConflict(): VaultError {
  return new VaultError('ALREADY_EXISTS', { message: 'there is a part of that number with other bytes' })
}
