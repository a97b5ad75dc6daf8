// Readiness: a front end may serve while its back end answers and the store is bound to its keyring or to none. It asks
// before the first call and then at intervals, so that it stops serving when the back end goes away or is exchanged.
import { setTimeout as sleep } from 'node:timers/promises'
import { newCall } from '../../core/client/client.js'
import { retry } from '../../core/concurrency/backoff.js'
import { VaultError } from '../../core/errors.js'
import type { Logger } from '../../core/log/log.js'
import { outcomeOf } from '../../core/server/call-log.js'
import type { GetStoreInfoResponse } from '../../gen/encserver/v1/backend.js'
import type { Backend } from './backend.js'

/** The store format of the back ends that this version works with. */
const knownFormat = 2
const requestTimeoutMs = 2_000
const retryIntervalMs = 500
const watchIntervalMs = 2_000

/** Throws STORE_FORMAT if this version does not know the format of the store. */
export function checkFormat({ format }: GetStoreInfoResponse): void {
  if (format === knownFormat) return
  const message = `the store has format ${format}, this version knows ${knownFormat}`
  throw new VaultError('STORE_FORMAT', { message })
}

/** Throws KEYRING_MISMATCH or STORE_FORMAT if a front end with this keyring must not write to the store. */
export function checkStore(info: GetStoreInfoResponse, keyringId: Buffer): void {
  checkFormat(info)
  if (info.keyringId.length > 0 && !info.keyringId.equals(keyringId)) throw keyringMismatch(info.keyringId, keyringId)
}

function keyringMismatch(bound: Buffer, own: Buffer): VaultError {
  const message =
    `the store is bound to keyring ${bound.toString('hex')}, this front end has ${own.toString('hex')}: ` +
    'give it the keyring the store was written with, or another store'
  return new VaultError('KEYRING_MISMATCH', { message })
}

/** Asks for the store's description until the back end answers; rejects with any error that is not transient. */
export function waitForStore(backend: Backend, log: Logger, signal: AbortSignal): Promise<GetStoreInfoResponse> {
  return retry(() => backend.getStoreInfo({}, newCall({ timeoutMs: requestTimeoutMs, signal })), {
    waitMs(error, tries) {
      if (!isTransient(error)) throw operatorError(error)
      if (tries === 1) log.warn('waiting for the back end', logFields(error))
      return retryIntervalMs
    },
    pause: (ms) => sleep(ms, undefined, { signal }),
  })
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
  keyringId: Buffer
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

async function findProblem({ backend, keyringId }: ReadinessWatch, signal: AbortSignal): Promise<VaultError | null> {
  try {
    checkStore(await backend.getStoreInfo({}, newCall({ timeoutMs: requestTimeoutMs, signal })), keyringId)
    return null
  } catch (error) {
    return error instanceof VaultError ? error : new VaultError('INTERNAL', { cause: error })
  }
}
