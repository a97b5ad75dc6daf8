// Periodic checks of a connection: pings a silent peer and closes the connection if no answer comes, closes one without a
// complete handshake, resets responses that the peer does not read, drains a connection that has reached its maximum age.
import type { Connection } from './connection.js'
import { errorCodes } from './protocol.js'

const tickMs = 10_000
const handshakeMs = 20_000
const pingAfterMs = 60_000
const pingTimeoutMs = 20_000
const unreadMs = 60_000
/** Random share of the age, so that connections opened together do not all close together. */
const ageJitter = 0.1

/** Starts the checks of a connection; the returned function ends them. */
export function keepalive(connection: Connection, { maxConnectionAgeMs }: { maxConnectionAgeMs: number }): () => void {
  const startedAt = performance.now()
  const maxAgeMs = maxConnectionAgeMs * (1 + ageJitter * (Math.random() * 2 - 1))
  let pinged = false

  function tick(): void {
    const now = performance.now()
    const silentMs = now - connection.lastReadAt
    const noHandshake = !connection.isEstablished && now - startedAt >= handshakeMs
    if (noHandshake || (pinged && silentMs >= pingAfterMs + pingTimeoutMs)) connection.destroy()
    if (silentMs >= pingAfterMs) ping()
    else pinged = false
    resetUnread(now)
    connection.releaseBuffers()
    // An old connection without a handshake is not drained, which would close it: `handshakeMs` bounds it.
    if (now - startedAt >= maxAgeMs && connection.isEstablished) connection.drain()
  }

  function ping(): void {
    if (!pinged) connection.ping()
    pinged = true
  }

  function resetUnread(now: number): void {
    for (const stream of connection.streams) {
      if (stream.finishProgressAt !== undefined && now - stream.finishProgressAt >= unreadMs)
        stream.reset(errorCodes.cancel)
    }
  }

  const timer = setInterval(tick, Math.min(tickMs, maxConnectionAgeMs)).unref()
  return () => clearInterval(timer)
}
