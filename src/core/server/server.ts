// The gRPC server of every service: health, reflection, bounded concurrency, connections of limited age, and a graceful
// stop. The only file that names the HTTP/2 implementation.
import type { ServiceDefinition } from '@grpc/grpc-js'
import { resolvesWithin } from '../concurrency/deadline.js'
import { http2Server } from '../http2/http2-server.js'
import { limitedLog } from '../log/limited-log.js'
import type { Logger } from '../log/log.js'
import { type ListenConfig, serverTls } from '../tls/listen.js'
import { bindError } from '../tls/listen-check.js'
import type { Callers, Transport } from '../transport.js'
import { type Admission, admission } from './admission.js'
import { dispatch } from './dispatch.js'
import { type Health, serveHealth } from './health.js'
import { MemoryBudget } from './memory-budget.js'
import { OpenCalls } from './open-calls.js'
import type { PackageService } from './package-service.js'
import { reflection } from './reflection.js'
import { type CallHandler, serviceHandlers } from './unary-handler.js'
import { UnsentBudget } from './unsent-budget.js'

/** Limits that every service configures. */
export interface ServerLimits {
  /** Largest request message in bytes; a larger one gets INVALID_REQUEST. */
  maxReceiveBytes: number
  /** Calls answered at the same time; further ones get OVERLOADED. */
  maxCallsInFlight: number
  /** The deadline of a call whose caller sets none. */
  defaultDeadlineMs: number
  /** The least rate of a transfer, in bytes per second, while the server waits for its caller; none by default. */
  minTransferRate?: number
  /** A connection older than this is drained, so that load balancers can move the caller. */
  maxConnectionAgeMs: number
  /** How long a stop waits for calls in flight. */
  drainMs: number
}

/** A service, and how it is served. */
export interface ServerParts {
  /** The configuration section, for error messages. */
  section: string
  listen: ListenConfig
  limits: ServerLimits
  callers: Callers
  service: { name: string; definition: ServiceDefinition; methods: object }
  log: Logger
}

/** A server that accepts calls. */
export interface RunningServer {
  /** The bound port. */
  readonly port: number
  /** Health answers NOT_SERVING until the first `true`. */
  setReady(ready: boolean): void
  /** Reads the certificate files again, for new connections. Throws INVALID_REQUEST, and changes nothing, if they cannot be used. */
  renewCertificates(): void
  /** Reports NOT_SERVING, refuses new calls, waits up to `drainMs` for those in flight, then aborts the rest. */
  stop(): Promise<void>
}

/** Open calls of all kinds beside those in flight: calls that send their request, health watches, answers that wait. */
const openCallsPerCallInFlight = 4
/** A transfer may pause for as long as an idle stream may stay. */
const rateWindowMs = 60_000
/** How long handlers have to notice that their calls were aborted. */
const abortMs = 1_000

/** Starts a server; rejects with INVALID_REQUEST when the address cannot be bound. */
export async function startServer({
  section,
  listen,
  limits,
  callers,
  service,
  log,
}: ServerParts): Promise<RunningServer> {
  const tls = serverTls(section, listen)
  const logReset = limitedLog(log, { level: 'warn', event: 'unread answer' })
  const unsentBudget = new UnsentBudget(() => logReset({ problem: 'a caller does not read its answer; it was reset' }))
  const calls = admission(limits.maxCallsInFlight, { makeRoom: () => unsentBudget.resetStalled() })
  const { minTransferRate = 0, defaultDeadlineMs } = limits
  const leastRate = minTransferRate > 0 ? { bytesPerSecond: minTransferRate, windowMs: rateWindowMs } : undefined
  const serving = { log, admission: calls, defaultDeadlineMs, leastRate }
  const onInternalError = (cause: unknown) => log.error('connection', { cause })
  const health = serveHealth(service.name, onInternalError)
  const described = reflection(service.name, onInternalError)
  const methods = serviceHandlers(service.definition, service.methods, serving)
  const handlers = new Map<string, CallHandler>([...methods, ...health.handlers, ...described.handlers])
  const logFailure = limitedLog(log, { level: 'info', event: 'connection' })
  const { maxReceiveBytes } = limits
  const logSilent = limitedLog(log, { level: 'warn', event: 'silent call' })
  const openCalls = new OpenCalls({
    max: limits.maxCallsInFlight * openCallsPerCallInFlight,
    maxSilentMs: limits.defaultDeadlineMs,
    ended: (problem) => logSilent({ problem }),
  })
  const targets = { handlers, maxReceiveBytes, budget: new MemoryBudget(), unsentBudget, openCalls }
  const transport = http2Server({
    tls,
    // Twice what is admitted: a caller above the limit gets OVERLOADED from us, not REFUSED_STREAM from the transport.
    maxStreams: limits.maxCallsInFlight * 2,
    maxConnectionAgeMs: limits.maxConnectionAgeMs,
    callers,
    onRequest: (stream, headers) => dispatch(targets, stream, headers),
    onConnectionFailure: ({ code, message }, peer) => logFailure({ code, why: message, peer }),
    onInternalError,
  })
  const port = await transport.listen(listen).catch((cause: unknown) => {
    throw bindError(listen, cause)
  })
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= drain({ transport, calls, health, described, log }, limits.drainMs)
    return stopped
  }
  const renewCertificates = () => {
    const renewed = serverTls(section, listen)
    if (renewed !== undefined) transport.renewTls(renewed)
  }
  return { port, setReady: health.setReady, renewCertificates, stop }
}

interface Stopping {
  transport: Transport
  calls: Admission
  health: Health
  described: PackageService
  log: Logger
}

// A handler may outlive its connection and uses resources that the caller of `stop` closes next, so both have to end.
async function drain({ transport, calls, health, described, log }: Stopping, drainMs: number): Promise<void> {
  health.close()
  described.close()
  const done = await resolvesWithin(Promise.all([transport.drain(), calls.idle()]), drainMs)
  if (!done) log.warn('stopping', { problem: 'calls in flight are aborted: they took longer than drainMs', drainMs })
  transport.abort()
  await resolvesWithin(calls.idle(), abortMs)
}
