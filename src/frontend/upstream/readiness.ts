// Readiness: a front end may serve while its back end answers and the store is bound to its keys or to none. It asks
// before the first call and then at intervals, so that it stops serving when the back end goes away or is exchanged.
import { setTimeout as sleep } from 'node:timers/promises'
import { newCall } from '../../core/client/client.js'
import { retry } from '../../core/concurrency/backoff.js'
import { VaultError } from '../../core/errors.js'
import { keyNameOf } from '../../core/key-check.js'
import type { Logger } from '../../core/log/log.js'
import type { CallContext } from '../../core/methods.js'
import { outcomeOf } from '../../core/server/call-log.js'
import type { GetStoreInfoResponse } from '../../gen/encserver/v1/backend.js'
import type { Backend } from './backend.js'
import { checkStore, type KeyringIdentity } from './store-check.js'

const requestTimeoutMs = 2_000
const retryIntervalMs = 500
const watchIntervalMs = 2_000

/** Asks for the store's description until the back end answers; rejects with any error that is not transient. */
export function waitForStore(backend: Backend, log: Logger, signal: AbortSignal): Promise<GetStoreInfoResponse> {
  return untilAnswered((call) => backend.getStoreInfo({}, call), log, signal)
}

/** Repeats a call of the back end until it answers; rejects with any error that is not transient. */
function untilAnswered<T>(ask: (call: CallContext) => Promise<T>, log: Logger, signal: AbortSignal): Promise<T> {
  return retry(() => ask(newCall({ timeoutMs: requestTimeoutMs, signal })), {
    waitMs(error, tries) {
      if (!isTransient(error)) throw operatorError(error)
      if (tries === 1) log.warn('waiting for the back end', logFields(error))
      return retryIntervalMs
    },
    pause: (ms) => sleep(ms, undefined, { signal }),
  })
}

/**
 * Binds a store of earlier versions, which has a keyring and no key checks, to the keys of this front end. Rejects with
 * KEYRING_MISMATCH, which names the key, if another front end has bound another key meanwhile.
 */
export async function bindOlderStore(
  { backend, log, own }: Pick<ReadinessWatch, 'backend' | 'log' | 'own'>,
  store: GetStoreInfoResponse,
  signal: AbortSignal,
): Promise<void> {
  if (store.keyringId.length === 0 || store.keyChecks.length > 0) return
  try {
    await untilAnswered((call) => backend.bindKeyring(own, call), log, signal)
    log.warn('store bound to the keys of this keyring', { keys: own.keyChecks.map(keyNameOf) })
  } catch (error) {
    if (error instanceof VaultError && error.reason === 'KEYRING_MISMATCH') {
      checkStore(await waitForStore(backend, log, signal), own)
    }
    throw error
  }
}

function operatorError(error: unknown): unknown {
  if (!(error instanceof VaultError) || error.reason !== 'NOT_SUPPORTED') return error
  const message = 'the server at frontend.backend.address is not a back end'
  return new VaultError('NOT_SUPPORTED', { message, cause: error })
}

// The operator needs the cause: a wrong certificate looks like a back end that is not there.
function logFields(error: VaultError): object {
  const { status: reason, ...rest } = outcomeOf(error)
  return { reason, ...rest }
}

// A store that refuses service is waited for as well: its operator may act meanwhile, and the log says so.
function isTransient(error: unknown): error is VaultError {
  if (!(error instanceof VaultError)) return false
  return ['unavailable', 'deadline', 'exhausted'].includes(error.kind) || error.reason === 'STORE_REFUSED'
}

/** The store to watch, and where to report. */
export interface ReadinessWatch {
  backend: Backend
  own: KeyringIdentity
  log: Logger
  setReady: (ready: boolean) => void
}

/** Calls `setReady` whenever readiness changes; resolves after `signal` has aborted. */
export async function watchStore(watch: ReadinessWatch, signal: AbortSignal): Promise<void> {
  const { log, setReady } = watch
  let ready: boolean | undefined
  while (!signal.aborted) {
    const problem = await findProblem(watch, signal)
    if (signal.aborted) return
    if (ready !== (problem === null)) {
      ready = problem === null
      setReady(ready)
      log.log(ready ? 'info' : 'warn', ready ? 'ready' : 'not ready', problem === null ? {} : logFields(problem))
    }
    await sleep(watchIntervalMs, undefined, { signal }).catch(() => undefined) // an abort ends the loop
  }
}

async function findProblem({ backend, own }: ReadinessWatch, signal: AbortSignal): Promise<VaultError | null> {
  try {
    checkStore(await backend.getStoreInfo({}, newCall({ timeoutMs: requestTimeoutMs, signal })), own)
    return null
  } catch (error) {
    return error instanceof VaultError ? error : new VaultError('INTERNAL', { cause: error })
  }
}
