// A service and its log: a line when it serves, or why it does not, one when it takes no more calls, one when it has stopped.

import { closeLog, type Logger } from '../../core/log/log.js'
import { outcomeOf } from '../../core/server/call-log.js'
import { asVaultError } from '../../core/status.js'
import { bindAddress, type ListenConfig } from '../../core/tls/listen.js'
import { version } from '../../core/version.js'
import { isAbort, type RunningService } from './run-server.js'

export interface StartedService {
  /** With the port bound. */
  listen: ListenConfig
  /** What it keeps, and where. */
  keeps: { store?: string; keyring?: string }
  /** Resolves when everything in flight is done and closed. */
  stop(): Promise<void>
}

// A second process that is started by mistake writes into the log of the first.
const { pid } = process

/** Starts a service; its log is closed when it stops, and when it does not start. */
export async function startLoggedService(log: Logger, start: () => Promise<StartedService>): Promise<RunningService> {
  const { listen, keeps, stop } = await start().catch(async (error: unknown) => {
    logFailure(log, error)
    await closeLog(log)
    throw error
  })
  const address = bindAddress(listen)
  log.info('start', { version, pid, address, transport: transportOf(listen), ...keeps })
  const { store, keyring } = keeps
  return {
    summary: `listening on ${address}, ${store === undefined ? `keyring ${keyring}` : `store in ${store}`}`,
    async stop() {
      log.info('stopping')
      await stop()
      log.info('stop')
      await closeLog(log)
    },
  }
}

function transportOf({ tls }: ListenConfig): string {
  if (tls.certFile === '') return 'plain text'
  return tls.clientCaFile === '' ? 'TLS' : 'mutual TLS'
}

function logFailure(log: Logger, thrown: unknown): void {
  const error = asVaultError(thrown)
  if (isAbort(thrown)) log.info('stop')
  else log.error('start failed', { version, pid, ...outcomeOf(error), why: error.message })
}
