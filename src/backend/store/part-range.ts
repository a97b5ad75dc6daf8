// Which bytes of a part a piece is: the one place for this, whatever the engine.
import { VaultError } from '../../core/errors.js'
import type { PartPiece } from './part-store.js'

/** Where the piece begins and ends in a part of that size; throws RANGE_PAST_END when it has fewer bytes. */
export function rangeIn(size: number, { offset, length }: PartPiece): { start: number; end: number } {
  const end = length === 0 ? size : offset + length
  if (offset > size || end > size) {
    throw new VaultError('RANGE_PAST_END', { message: `the range is past the end: the part has ${size} bytes` })
  }
  return { start: offset, end }
}
