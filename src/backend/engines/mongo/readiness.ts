// When the store may be used: a primary is known, and the collections and the format were found right. Until then calls
// wait a little, and this works on it, however long it takes: a database that starts later than we do is no failure.
import { type Backoff, retryUntilDone } from '../../../core/backoff.js'
import { VaultError } from '../../../core/errors.js'
import type { StoreCall } from '../../store/store.js'
import { type CombinedHealth, retryAfterMs } from '../../store/store-health.js'
import { lastingError } from './errors.js'
import type { MongoServers } from './servers.js'

export interface MongoReadiness {
  /** Tries once; what only an operator can mend is thrown, anything else is tried again until `stop`. */
  start(): Promise<void>
  isPrepared(): boolean
  /** Rejects when the store is not ready within the time that may be waited. */
  wait(call: StoreCall): Promise<void>
  stop(): Promise<void>
}

export interface MongoReadinessOptions {
  servers: MongoServers
  database: string
  health: CombinedHealth
  /** Finds everything right, or makes it so. */
  prepare(): Promise<void>
  waitMs: number
  backoff: Backoff
  /** Is told what only an operator can mend, once. */
  report(problem: VaultError): void
}

/** Leaves a caller with a short deadline the time to hear what is wrong. */
function waitOf(call: StoreCall, waitMs: number): number {
  return Math.min(waitMs, (call.deadline - Date.now()) * 0.75)
}

export function mongoReadiness(options: MongoReadinessOptions): MongoReadiness {
  const { servers, database, health, prepare, waitMs, backoff, report } = options
  const stopping = new AbortController()
  let prepared = false
  let problem: VaultError | undefined
  let running: Promise<void> | undefined

  async function attempt(): Promise<void> {
    await prepare()
    prepared = true
    health.changed()
  }

  function failed(error: unknown): void {
    const before = problem
    problem = lastingError(error, database)
    if (problem && problem.message !== before?.message) report(problem)
  }

  return {
    async start() {
      await attempt().catch((error: unknown) => {
        const lasting = lastingError(error, database)
        if (lasting) throw lasting
        running = retryUntilDone(
          () =>
            attempt()
              .catch(failed)
              .then(() => prepared),
          {
            backoff,
            signal: stopping.signal,
          },
        )
      })
    },
    isPrepared: () => prepared,
    async wait(call) {
      if (health.health() === 'ready') return
      if (prepared) servers.lookAgain()
      if (await becomesReady(health, waitOf(call, waitMs))) return
      throw new VaultError(problem?.reason ?? 'STORE_UNAVAILABLE', {
        retryAfterMs,
        cause: problem ?? servers.lastError(),
      })
    },
    async stop() {
      stopping.abort()
      await running
    },
  }
}

function becomesReady({ health, onHealth }: CombinedHealth, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      forget()
      resolve(health() === 'ready')
    }
    const timer = setTimeout(done, withinMs)
    const forget = onHealth(done)
  })
}
