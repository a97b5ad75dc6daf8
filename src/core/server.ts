// A gRPC server with the manners all our services share: health, reflection, bounded calls, connections that end, and a
// stop that lets calls in flight finish.
import { readFileSync } from 'node:fs'
import { Server, type ServerOptions, type ServiceDefinition } from '@grpc/grpc-js'
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader'
import { ReflectionService } from '@grpc/reflection'
import { HealthImplementation } from 'grpc-health-check'
import { admission } from './admission.js'
import { VaultError } from './errors.js'
import { bindAddress, type ListenConfig, serverCredentials } from './listen.js'
import type { Logger } from './log.js'
import { frameDefinition, serviceHandlers } from './serve.js'

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

const descriptorFile = new URL('../gen/descriptor.binpb', import.meta.url)
const keepalive = { 'grpc.keepalive_time_ms': 60_000, 'grpc.keepalive_timeout_ms': 20_000 }

function optionsOf(limits: ServerLimits): ServerOptions {
  return {
    ...keepalive,
    'grpc.max_receive_message_length': limits.maxReceiveBytes,
    'grpc.max_concurrent_streams': limits.maxCallsInFlight * 2, // so that it is we who answer "too many calls"
    'grpc.max_connection_age_ms': limits.maxConnectionAgeMs,
    'grpc.max_connection_age_grace_ms': limits.drainMs,
  }
}

/** Starts serving; rejects when the address cannot be bound. */
export async function startServer({ section, listen, limits, service, log }: ServerParts): Promise<RunningServer> {
  const credentials = serverCredentials(section, listen)
  const server = new Server(optionsOf(limits))
  const serving = { log, admission: admission(limits.maxCallsInFlight), defaultDeadlineMs: limits.defaultDeadlineMs }
  server.addService(frameDefinition(service.definition), serviceHandlers(service.definition, service.methods, serving))
  const health = new HealthImplementation({ '': 'NOT_SERVING', [service.name]: 'NOT_SERVING' })
  health.addToServer(server)
  new ReflectionService(loadFileDescriptorSetFromBuffer(readFileSync(descriptorFile))).addToServer(server)
  const port = await bind(server, listen, credentials)
  const setReady = (ready: boolean) => {
    for (const name of ['', service.name]) health.setStatus(name, ready ? 'SERVING' : 'NOT_SERVING')
  }
  return { port, setReady, stop: () => stop(server, setReady, limits.drainMs) }
}

function bind(server: Server, listen: ListenConfig, credentials: ReturnType<typeof serverCredentials>) {
  const address = bindAddress(listen)
  return new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (cause, port) => {
      const message = `cannot listen on ${address}: is the port in use, or the address not of this machine?`
      if (cause) reject(new VaultError('INVALID_REQUEST', { message, cause }))
      else resolve(port)
    })
  })
}

async function stop(server: Server, setReady: (ready: boolean) => void, drainMs: number): Promise<void> {
  setReady(false)
  const drained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
  const timer = setTimeout(() => server.forceShutdown(), drainMs)
  await drained
  clearTimeout(timer)
}
