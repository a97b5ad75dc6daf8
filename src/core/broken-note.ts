// Tells the log of connections that their peers have broken: one line a second, as they may come without end.
import type { ConnectionError } from './http2/protocol.js'
import type { Logger } from './log.js'

const pauseMs = 1_000

export function brokenNote(log: Logger, now: () => number = () => performance.now()): (error: ConnectionError) => void {
  let unsaid = 0
  let saidAt = Number.NEGATIVE_INFINITY
  return ({ code, message }) => {
    if (now() - saidAt < pauseMs) {
      unsaid += 1
      return
    }
    log.log('info', 'connection', { code, why: message, unsaid })
    saidAt = now()
    unsaid = 0
  }
}
