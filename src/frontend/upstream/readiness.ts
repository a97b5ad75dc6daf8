// Whether this front end may serve: its back end answers, and the store is bound to this keyring or to none. Asked
// before the first call and again and again, so that a back end that goes or is exchanged turns readiness off.
import { setTimeout as sleep } from 'node:timers/promises'
import { newCall } from '../../core/client/client.js'
import { VaultError } from '../../core/errors.js'
import type { Logger } from '../../core/log/log.js'
import { outcomeOf } from '../../core/server/call-log.js'
import type { GetStoreInfoResponse } from '../../gen/encserver/v1/backend.js'
import type { Backend } from './backend.js'

/** The layout of the store that this version writes. */
const knownFormat = 1
const askTimeoutMs = 2_000
const intervalMs = 2_000

/** Throws STORE_FORMAT when this version does not know the store's layout. */
export function checkFormat({ format }: GetStoreInfoResponse): void {
  if (format === knownFormat) return
  const message = `the store has format ${format}, this version knows ${knownFormat}`
  throw new VaultError('STORE_FORMAT', { message })
}

/** Throws KEYRING_MISMATCH or STORE_FORMAT when this front end must not write to that store. */
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

/** Asks until the back end answers; an answer that forbids serving is thrown. */
export async function waitForStore(backend: Backend, log: Logger, signal: AbortSignal): Promise<GetStoreInfoResponse> {
  for (let waited = false; ; waited = true) {
    try {
      return await backend.getStoreInfo({}, newCall({ timeoutMs: askTimeoutMs, signal }))
    } catch (error) {
      if (!isPassing(error)) throw forOperator(error)
      if (!waited) log.warn('waiting for the back end', reasonOf(error as VaultError))
    }
    await sleep(500, undefined, { signal })
  }
}

function forOperator(error: unknown): unknown {
  if (!(error instanceof VaultError) || error.reason !== 'NOT_SUPPORTED') return error
  const message = 'what answers at frontend.backend.address is not a back end'
  return new VaultError('NOT_SUPPORTED', { message, cause: error })
}

// The cause is for the operator: a wrong certificate looks like a back end that is not there.
function reasonOf(error: VaultError): object {
  const { status: reason, ...rest } = outcomeOf(error)
  return { reason, ...rest }
}

function isPassing(error: unknown): boolean {
  return error instanceof VaultError && ['unavailable', 'deadline', 'exhausted'].includes(error.kind)
}

interface Watch {
  backend: Backend
  keyringId: Buffer
  log: Logger
  setReady: (ready: boolean) => void
}

/** Keeps `setReady` true exactly while the store may be served; ends with `signal`. */
export async function watchStore({ backend, keyringId, log, setReady }: Watch, signal: AbortSignal): Promise<void> {
  let ready: boolean | undefined
  while (!signal.aborted) {
    const problem = await problemOf(backend, { keyringId, signal })
    if (signal.aborted) return
    if (ready !== (problem === null)) {
      ready = problem === null
      setReady(ready)
      log.log(ready ? 'info' : 'warn', ready ? 'ready' : 'not ready', problem === null ? {} : reasonOf(problem))
    }
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined) // aborted: the loop ends
  }
}

interface Asking {
  keyringId: Buffer
  signal: AbortSignal
}

async function problemOf(backend: Backend, { keyringId, signal }: Asking): Promise<VaultError | null> {
  try {
    checkStore(await backend.getStoreInfo({}, newCall({ timeoutMs: askTimeoutMs, signal })), keyringId)
    return null
  } catch (error) {
    return error instanceof VaultError ? error : new VaultError('INTERNAL', { cause: error })
  }
}
