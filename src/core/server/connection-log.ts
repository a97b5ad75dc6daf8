// Logs connections that their peers have broken, at most one line a second, as an attacker may break any number of them.
import type { Logger } from '../log/log.js'
import type { TransportParts } from '../transport.js'

const pauseMs = 1_000

/** A handler of connection failures that logs one a second and counts the others. */
export function connectionFailure(
  log: Logger,
  now: () => number = () => performance.now(),
): TransportParts['onConnectionFailure'] {
  let suppressed = 0
  let loggedAt = Number.NEGATIVE_INFINITY
  return ({ code, message }, peer) => {
    if (now() - loggedAt < pauseMs) {
      suppressed += 1
      return
    }
    log.log('info', 'connection', { code, why: message, peer, suppressed })
    loggedAt = now()
    suppressed = 0
  }
}
