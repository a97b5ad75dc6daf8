// A service with its log. The log has one line for the start or the failed start, one when the service takes no more calls,
// and one when it has stopped.

import { closeLog, type Logger, reopenLog, setLogLevel } from '../../core/log/log.js'
import { outcomeOf } from '../../core/server/call-log.js'
import { asVaultError } from '../../core/status.js'
import { bindAddress, type ListenConfig } from '../../core/tls/listen.js'
import { version } from '../../core/version.js'
import { isAbort, type RunningService } from './run-server.js'

/** A service that listens. */
export interface StartedService {
  /** The address it listens on, with the real port. */
  listen: ListenConfig
  /** Where its store or its keyring is. */
  keeps: { store?: string; keyring?: string }
  /** Reads the certificate files again. Throws, and changes nothing, if they cannot be used. */
  renewCertificates(): void
  /** Resolves when all calls in flight have ended and all resources are closed. */
  stop(): Promise<void>
}

// The process id tells the lines of a second process apart, which was started by mistake and writes into the same log.
const { pid } = process

/** The log of a service. */
export interface ServiceLog {
  log: Logger
  /** Reads its level from the configuration again; throws INVALID_REQUEST if that cannot be used. */
  readLevel(): string
}

/** Starts a service. Closes its log when the service stops or fails to start. */
export async function startLoggedService(
  { log, readLevel }: ServiceLog,
  start: () => Promise<StartedService>,
): Promise<RunningService> {
  const { listen, keeps, renewCertificates, stop } = await start().catch(async (error: unknown) => {
    logFailure(log, error)
    await closeLog(log)
    throw error
  })
  const address = bindAddress(listen)
  log.info('start', { version, pid, address, transport: transportOf(listen), ...keeps })
  const { store, keyring } = keeps
  return {
    summary: `listening on ${address}, ${store === undefined ? `keyring ${keyring}` : `store in ${store}`}`,
    reload() {
      try {
        const level = readLevel()
        renewCertificates()
        setLogLevel(log, level)
        log.info('reload', { loglevel: level })
      } catch (error) {
        log.error('reload failed', { why: asVaultError(error).message })
      }
    },
    reopenLog: () => reopenLog(log),
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
