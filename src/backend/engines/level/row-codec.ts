// A codec that tolerates damage: a row that cannot be decoded fails only the calls that need its contents. Calls that
// share its batch, replace it or remove it succeed.
import { VaultError } from '../../../core/errors.js'
import type { Codec } from './handle.js'

const damaged = Symbol('damaged row')

/** A value, or the marker of a damaged row. */
export type Row<Value> = Value | typeof damaged

/** True for a row that could not be decoded. */
export function isDamaged<Value>(row: Row<Value> | undefined): row is typeof damaged {
  return row === damaged
}

/** The value of a row; throws RECORD_CORRUPT for a damaged one. */
export function requireIntact<Value>(row: Row<Value> | undefined): Value | undefined {
  if (row === damaged) throw new VaultError('RECORD_CORRUPT', { cause: 'a row that cannot be decoded' })
  return row as Value | undefined
}

/** Wraps a codec: a row that it cannot decode becomes the marker. The marker itself is never encoded. */
export function rowCodec<Value>({ encode, decode }: Codec<Value>): Codec<Row<Value>> {
  return {
    encode: encode as Codec<Row<Value>>['encode'],
    decode(bytes) {
      try {
        return decode(bytes)
      } catch {
        return damaged
      }
    },
  }
}
