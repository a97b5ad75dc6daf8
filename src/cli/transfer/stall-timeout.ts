// Ends a stream on which the server moves nothing for too long. Time that this side takes does not count: a disk may be
// slow, and a person at a keyboard slower.
import { VaultError } from '../../core/errors.js'

export interface StallTimeout {
  /** Aborts with DEADLINE_EXCEEDED, or as the signal that was given. */
  readonly signal: AbortSignal
  /** From now on it is the server's turn. */
  wait(): void
  /** It has moved, and it is our turn. */
  rest(): void
  stop(): void
}

interface Patience {
  patienceMs: number
  signal: AbortSignal
}

export function stallTimeout({ patienceMs, signal }: Patience): StallTimeout {
  const stalled = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const rest = () => clearTimeout(timer)
  const end = () => {
    const message = `the server has moved nothing for ${patienceMs / 1000} s`
    stalled.abort(new VaultError('DEADLINE_EXCEEDED', { message }))
  }
  return {
    signal: AbortSignal.any([signal, stalled.signal]),
    wait() {
      clearTimeout(timer)
      if (!stopped) timer = setTimeout(end, patienceMs)
    },
    rest,
    stop() {
      stopped = true // a source may be asked once more after that
      rest()
    },
  }
}
