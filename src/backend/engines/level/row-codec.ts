// A row that cannot be decoded fails the calls that need what was in it, and no others: not those that share its batch,
// nor one that replaces or removes it.
import { VaultError } from '../../../core/errors.js'
import type { Codec } from './handle.js'

const damaged = Symbol('damaged row')

export type Row<Value> = Value | typeof damaged

export function isDamaged<Value>(row: Row<Value> | undefined): row is typeof damaged {
  return row === damaged
}

/** The value of a row; throws RECORD_CORRUPT for a damaged one. */
export function intact<Value>(row: Row<Value> | undefined): Value | undefined {
  if (row === damaged) throw new VaultError('RECORD_CORRUPT', { cause: 'a row that cannot be decoded' })
  return row as Value | undefined
}

/** Decodes what it can; only values are ever encoded. */
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
