// The places of uploads and downloads: bounded for the whole front end, since each holds some parts in memory, and for each
// connection, so that one caller cannot take all of them.
import { VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import { type Admission, admission } from '../../core/server/admission.js'

/** Places of transfers; OVERLOADED if there are none left for the connection of the call. */
export interface TransferPlaces {
  /** Takes a place until the returned function is called. */
  enter(call: Pick<CallContext, 'connection'>): () => void
  /** Resolves when no place is taken. */
  idle(): Promise<void>
}

// A transfer holds its place for longer than a call does.
const retryAfterMs = 1_000

/** So many places, of which one connection may have half. */
export function transferPlaces(max: number): TransferPlaces {
  const places: Admission = admission(max, { retryAfterMs })
  const byConnection = new WeakMap<object, number>()
  const maxOwn = Math.ceil(max / 2)
  const local = {}
  return {
    enter({ connection = local }) {
      const own = byConnection.get(connection) ?? 0
      if (own >= maxOwn) {
        const message = `this connection has ${own} transfers, half of all; try again later, or on another connection`
        throw new VaultError('OVERLOADED', { message, retryAfterMs })
      }
      const leave = places.enter()
      byConnection.set(connection, own + 1)
      let left = false
      return () => {
        if (!left) byConnection.set(connection, (byConnection.get(connection) ?? 1) - 1)
        left = true
        leave()
      }
    },
    idle: places.idle,
  }
}
