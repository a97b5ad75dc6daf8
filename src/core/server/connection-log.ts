// Tells the log of connections that their peers have broken: one line a second, as they may come without end.
import type { ConnectionError } from '../http2/protocol.js'
import type { Logger } from '../log/log.js'

const pauseMs = 1_000

type Broken = (error: ConnectionError, peer?: string) => void

export function connectionFailure(log: Logger, now: () => number = () => performance.now()): Broken {
  let unsaid = 0
  let saidAt = Number.NEGATIVE_INFINITY
  return ({ code, message }, peer) => {
    if (now() - saidAt < pauseMs) {
      unsaid += 1
      return
    }
    log.log('info', 'connection', { code, why: message, peer, unsaid })
    saidAt = now()
    unsaid = 0
  }
}
