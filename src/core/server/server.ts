// A gRPC server with the manners all our services share: health, reflection, bounded calls, connections that end, and a
// stop that lets calls in flight finish.
import type { ServiceDefinition } from '@grpc/grpc-js'
import { publicLimits, serviceLimits } from '../http2/flood-guard.js'
import { type Listener, listener } from '../http2/listener.js'
import type { Logger } from '../log/log.js'
import { type ListenConfig, serverTls } from '../tls/listen.js'
import { bindError } from '../tls/listen-check.js'
import { type Admission, admission } from './admission.js'
import { connectionFailure } from './connection-log.js'
import { dispatch } from './dispatch.js'
import { type Health, serveHealth } from './health.js'
import { MemoryBudget } from './memory-budget.js'
import type { PackageService } from './package-service.js'
import { reflection } from './reflection.js'
import { type CallHandler, serviceHandlers } from './unary-handler.js'

export interface ServerLimits {
  /** Largest message received, in bytes; a larger one gets RESOURCE_EXHAUSTED. */
  maxReceiveBytes: number
  /** Calls answered at once; one more gets OVERLOADED. */
  maxCallsInFlight: number
  /** What a caller without a deadline gets. */
  defaultDeadlineMs: number
  /** A connection older than this is asked to go, so that load balancers see new ones. */
  maxConnectionAgeMs: number
  /** How long a stop waits for calls in flight. */
  drainMs: number
}

export interface ServerParts {
  /** The configuration section, for messages. */
  section: string
  listen: ListenConfig
  limits: ServerLimits
  /** Who calls; services, which hand on what their own callers cancel, are borne with. */
  callers: 'strangers' | 'services'
  service: { name: string; definition: ServiceDefinition; methods: object }
  log: Logger
}

export interface RunningServer {
  /** The port bound. */
  readonly port: number
  /** Health answers NOT_SERVING until the first `true`. */
  setReady(ready: boolean): void
  /** Not ready, no new calls, waits for those in flight, then cuts them. */
  stop(): Promise<void>
}

const afterCutMs = 1_000

/** Starts serving; rejects when the address cannot be bound. */
export async function startServer({
  section,
  listen,
  limits,
  callers,
  service,
  log,
}: ServerParts): Promise<RunningServer> {
  const tls = serverTls(section, listen)
  const calls = admission(limits.maxCallsInFlight)
  const serving = { log, admission: calls, defaultDeadlineMs: limits.defaultDeadlineMs }
  const unexpected = (cause: unknown) => log.error('connection', { cause })
  const health = serveHealth(service.name, unexpected)
  const described = reflection(service.name, unexpected)
  const methods = serviceHandlers(service.definition, service.methods, serving)
  const handlers = new Map<string, CallHandler>([...methods, ...health.handlers, ...described.handlers])
  const targets = { handlers, maxReceiveBytes: limits.maxReceiveBytes, budget: new MemoryBudget() }
  const listening = listener({
    tls,
    // Twice what is admitted, so that it is we who answer "too many calls".
    limits: {
      maxStreams: limits.maxCallsInFlight * 2,
      maxConnectionAgeMs: limits.maxConnectionAgeMs,
      abuse: callers === 'services' ? serviceLimits : publicLimits,
    },
    opened: (stream, fields) => dispatch(targets, stream, fields),
    failed: connectionFailure(log),
    unexpected,
  })
  const port = await listening.listen(listen).catch((cause: unknown) => {
    throw bindError(listen, cause)
  })
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= drain({ listening, calls, health, described, log }, limits.drainMs)
    return stopped
  }
  return { port, setReady: health.setReady, stop }
}

interface Stopping {
  listening: Listener
  calls: Admission
  health: Health
  described: PackageService
  log: Logger
}

// A handler may outlive its connection, and what it works with is closed after us: both have to end.
async function drain({ listening, calls, health, described, log }: Stopping, drainMs: number): Promise<void> {
  health.close()
  described.close()
  const done = await within(drainMs, Promise.all([listening.leave(), calls.idle()]))
  if (!done) log.warn('stopping', { problem: 'what is in flight is cut: it took longer than drainMs', drainMs })
  listening.cut()
  await within(afterCutMs, calls.idle()) // the signals of those just cut have aborted
}

/** Waits for the work, but no longer than that; returns whether it is done. */
async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false)
  })
  return Promise.race([work.then(() => true), late]).finally(() => clearTimeout(timer))
}
