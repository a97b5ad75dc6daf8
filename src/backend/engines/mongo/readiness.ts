// The store is ready when the driver knows a server that takes writes, and the collections and the format have been
// checked. Until then calls wait a little, and the check is retried without limit: the database may start later than
// the back end.
import { type Backoff, retryUntilDone } from '../../../core/concurrency/backoff.js'
import { resolvesWithin } from '../../../core/concurrency/deadline.js'
import { VaultError } from '../../../core/errors.js'
import type { StoreCall } from '../../store/store.js'
import { type CombinedHealth, retryAfterMs } from '../../store/store-health.js'
import { permanentError } from './errors.js'
import type { ServerMonitor } from './servers.js'

/** Tracks whether the store is ready, and prepares it. */
export interface StoreReadiness {
  /** Prepares the store once. Throws an error that only an operator can solve; retries after any other until `stop`. */
  start(): Promise<void>
  /** True once the store has been prepared. */
  isPrepared(): boolean
  /** Resolves when the store is ready; rejects after `waitMs` or three quarters of the call's time. */
  wait(call: StoreCall): Promise<void>
  /** Stops the retries. */
  stop(): Promise<void>
}

/** What readiness depends on. */
export interface ReadinessOptions {
  servers: ServerMonitor
  health: CombinedHealth
  /** Checks the store, and creates what is missing. */
  prepare(): Promise<void>
  waitMs: number
  backoff: Backoff
  /** Receives a problem that only an operator can solve; not again while the retries find the same one. */
  report(problem: VaultError): void
}

/** Leaves a call with a short deadline enough time to receive the error. */
function maxWaitMs(call: StoreCall, waitMs: number): number {
  return Math.min(waitMs, (call.deadline - Date.now()) * 0.75)
}

/** Creates the readiness of a store; `start` prepares that store. */
export function storeReadiness(options: ReadinessOptions): StoreReadiness {
  const { servers, health, prepare, waitMs, backoff, report } = options
  const stopping = new AbortController()
  let prepared = false
  let problem: VaultError | undefined
  let running: Promise<void> | undefined

  async function attempt(): Promise<void> {
    await prepare()
    prepared = true
    health.update()
  }

  async function retry(): Promise<boolean> {
    await attempt().catch((error: unknown) => {
      const before = problem
      problem = permanentError(error)
      if (problem && problem.message !== before?.message) report(problem)
    })
    return prepared
  }

  return {
    async start() {
      await attempt().catch((error: unknown) => {
        const permanent = permanentError(error)
        if (permanent) throw permanent
        running = retryUntilDone(retry, { backoff, signal: stopping.signal })
      })
    },
    isPrepared: () => prepared,
    async wait(call) {
      if (health.health() === 'ready') return
      if (prepared) servers.checkNow()
      if (await becomesReady(health, maxWaitMs(call, waitMs))) return
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

async function becomesReady({ health, onHealth }: CombinedHealth, withinMs: number): Promise<boolean> {
  let stopListening: () => void = () => undefined
  const change = new Promise<void>((resolve) => {
    stopListening = onHealth(() => resolve())
  })
  await resolvesWithin(change, withinMs)
  stopListening()
  return health() === 'ready'
}
