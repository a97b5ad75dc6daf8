// What is done to a connection from time to time: one that says nothing is asked and then cut, one that has not begun or
// leaves its answers unread is cut, one that is old is asked to go.
import type { Connection } from './connection.js'
import { errorCodes } from './protocol.js'

const tickMs = 10_000
const greetMs = 20_000
const pingAfterMs = 60_000
const pingTimeoutMs = 20_000
const unreadMs = 60_000
/** Connections of the same age do not all go at once. */
const ageSpread = 0.1

export interface KeepaliveLimits {
  maxConnectionAgeMs: number
}

/** Watches the connection; what it returns ends that. */
export function keepalive(connection: Connection, { maxConnectionAgeMs }: KeepaliveLimits): () => void {
  const startedAt = performance.now()
  const maxAgeMs = maxConnectionAgeMs * (1 + ageSpread * (Math.random() * 2 - 1))
  let asked = false

  function tick(): void {
    const now = performance.now()
    const silentMs = now - connection.heardAt
    const speechless = !connection.isGreeted && now - startedAt >= greetMs
    if (speechless || (asked && silentMs >= pingAfterMs + pingTimeoutMs)) connection.destroy()
    if (silentMs >= pingAfterMs) ask()
    else asked = false
    resetUnread(now)
    connection.letGo()
    if (now - startedAt >= maxAgeMs) connection.leave()
  }

  function ask(): void {
    if (!asked) connection.ping()
    asked = true
  }

  function resetUnread(now: number): void {
    for (const stream of connection.streams) {
      if (stream.finishedAt !== undefined && now - stream.finishedAt >= unreadMs) stream.reset(errorCodes.cancel)
    }
  }

  const timer = setInterval(tick, Math.min(tickMs, maxConnectionAgeMs)).unref()
  return () => clearInterval(timer)
}
