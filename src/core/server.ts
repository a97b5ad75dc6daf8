// A gRPC server with the manners all our services share: health, reflection, bounded calls, connections that end, and a
// stop that lets calls in flight finish.
import { Server, type ServerOptions, type ServiceDefinition } from '@grpc/grpc-js'
import { type Admission, admission } from './admission.js'
import { VaultError } from './errors.js'
import { type Health, serveHealth } from './health.js'
import { bindAddress, type ListenConfig, serverCredentials } from './listen.js'
import type { Logger } from './log.js'
import { addReflection, type Reflection } from './reflection.js'
import { serviceHandlers } from './serve.js'
import { frameDefinition } from './serving.js'

export interface ServerLimits {
  /** Largest message received, in bytes; a larger one gets a bare RESOURCE_EXHAUSTED from gRPC itself. */
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

function optionsOf(limits: ServerLimits): ServerOptions {
  return {
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
    'grpc.enable_channelz': 1, // without it grpc-js (1.14) does not cut connections in forceShutdown
    'grpc.max_receive_message_length': limits.maxReceiveBytes,
    'grpc.max_concurrent_streams': limits.maxCallsInFlight * 2, // so that it is we who answer "too many calls"
    'grpc.max_connection_age_ms': limits.maxConnectionAgeMs, // no call is cut by it: the grace is without end
  }
}

/** Starts serving; rejects when the address cannot be bound. */
export async function startServer({ section, listen, limits, service, log }: ServerParts): Promise<RunningServer> {
  const credentials = serverCredentials(section, listen)
  const server = new Server(optionsOf(limits))
  const calls = admission(limits.maxCallsInFlight)
  const serving = { log, admission: calls, defaultDeadlineMs: limits.defaultDeadlineMs }
  server.addService(frameDefinition(service.definition), serviceHandlers(service.definition, service.methods, serving))
  const health = serveHealth(server, service.name)
  const reflection = addReflection(server, service.name)
  const port = await bind(server, listen, credentials)
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= drain({ server, calls, health, reflection }, limits.drainMs)
    return stopped
  }
  return { port, setReady: health.setReady, stop }
}

function bind(server: Server, listen: ListenConfig, credentials: ReturnType<typeof serverCredentials>) {
  const address = bindAddress(listen)
  const refused = (cause: unknown) => {
    const message = `cannot listen on ${address}: is the port in use, or the address not of this machine?`
    return new VaultError('INVALID_REQUEST', { message, cause })
  }
  return new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (cause, port) => (cause ? reject(refused(cause)) : resolve(port)))
  })
}

interface Stopping {
  server: Server
  calls: Admission
  health: Health
  reflection: Reflection
}

// A handler may outlive its connection, and what it works with is closed after us: both have to end.
async function drain({ server, calls, health, reflection }: Stopping, drainMs: number): Promise<void> {
  health.close()
  reflection.close()
  const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
  await within(drainMs, Promise.all([closed, calls.idle()]))
  server.forceShutdown()
  await within(afterCutMs, calls.idle()) // the signals of those just cut have aborted
}

/** Waits for the work, but no longer than that. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, late]).finally(() => clearTimeout(timer))
}
