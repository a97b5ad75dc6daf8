// A service of three streaming methods whose messages are bytes, behind the real handlers; a test says what they do.
import {
  Client,
  credentials,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  Metadata,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js'
import { connect } from '../../src/core/client/client.js'
import { http2Server } from '../../src/core/http2/http2-server.js'
import type { CallContext, Methods } from '../../src/core/methods.js'
import { admission } from '../../src/core/server/admission.js'
import { dispatch } from '../../src/core/server/dispatch.js'
import type { LeastRate } from '../../src/core/server/least-rate.js'
import { MemoryBudget } from '../../src/core/server/memory-budget.js'
import { type CallHandler, serviceHandlers } from '../../src/core/server/unary-handler.js'
import { UnsentBudget } from '../../src/core/server/unsent-budget.js'
import { atEnd, type Event, keepingLog, never } from './fake-frontend.js'

interface StreamServer {
  /** Both directions. */
  talk: handleBidiStreamingCall<Buffer, Buffer>
  /** One request, many answers. */
  watch: handleServerStreamingCall<Buffer, Buffer>
  /** Many requests, one answer. */
  gather: handleClientStreamingCall<Buffer, Buffer>
}

export type Streams = Methods<StreamServer>

/** What no message may begin with. */
export const malformed = Buffer.from([0xff])

const same = (bytes: Buffer) => bytes
function parse(bytes: Buffer): Buffer {
  if (bytes[0] === 0xff) throw new Error('malformed')
  return bytes
}
const bytes = { requestSerialize: same, requestDeserialize: parse, responseSerialize: same, responseDeserialize: same }

const transfer = { isTransfer: true }
export const definition = {
  talk: { path: '/test.Streams/Talk', requestStream: true, responseStream: true, ...bytes },
  watch: { path: '/test.Streams/Watch', requestStream: false, responseStream: true, ...transfer, ...bytes },
  gather: { path: '/test.Streams/Gather', requestStream: true, responseStream: false, ...transfer, ...bytes },
} as const satisfies ServiceDefinition

const silent: Streams = {
  async *talk() {},
  async *watch() {},
  gather: async () => Buffer.alloc(0),
}

export interface ServedStreams {
  address: string
  events: Event[]
  /** Resolves when no handler runs. */
  idle(): Promise<void>
  /** Breaks all connections. */
  cut(): void
}

export interface StreamOptions {
  streamIdleMs?: number
  maxCalls?: number
  leastRate?: LeastRate
}

export async function serveStreams(methods: Partial<Streams>, options: StreamOptions = {}): Promise<ServedStreams> {
  const { streamIdleMs, maxCalls = 16, leastRate } = options
  const { log, events } = keepingLog()
  const calls = admission(maxCalls)
  const serving = {
    log,
    admission: calls,
    defaultDeadlineMs: 60_000,
    leastRate,
    ...(streamIdleMs !== undefined && { streamIdleMs }),
  }
  const served = await serveHandlers(serviceHandlers(definition, { ...silent, ...methods }, serving))
  return { ...served, events, idle: calls.idle }
}

/** A server of these methods and nothing else; `cut` ends it and breaks its connections. */
export async function serveHandlers(handlers: ReadonlyMap<string, CallHandler>, budget = new MemoryBudget()) {
  const openCalls = { open: (_: unknown, start: () => void) => start() } // handlers are tested from the first moment on
  const targets = { handlers, maxReceiveBytes: 4 * 1024 * 1024, budget, unsentBudget: new UnsentBudget(), openCalls }
  const unexpected: unknown[] = []
  const transport = http2Server({
    tls: undefined,
    maxStreams: 100,
    maxConnectionAgeMs: 600_000,
    callers: 'public',
    onRequest: (stream, headers) => dispatch(targets, stream, headers),
    onConnectionFailure: () => undefined,
    onInternalError: (cause) => unexpected.push(cause),
  })
  const port = await transport.listen({ host: '127.0.0.1', port: 0 })
  let closed: Promise<void> | undefined
  const cut = () => {
    closed ??= transport.drain()
    transport.abort()
  }
  atEnd(async () => {
    cut()
    await closed
    if (unexpected.length > 0) throw unexpected[0]
  })
  return { address: `127.0.0.1:${port}`, cut }
}

/** Our own client. */
export function streamsOf(address: string) {
  const connection = connect<StreamServer>(definition, { address }, () => never)
  atEnd(connection.close)
  return connection
}

/** A client of gRPC alone. */
export function rawStreams(address: string): Client {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.enable_retries': 0 })
  atEnd(() => client.close())
  return client
}

/** A bidirectional call by gRPC alone; `ended` resolves with its error, or null. */
export function rawTalk(address: string) {
  const call = rawStreams(address).makeBidiStreamRequest(definition.talk.path, same, same)
  const answers: Buffer[] = []
  call.on('data', (answer: Buffer) => answers.push(answer))
  const ended = new Promise<ServiceError | null>((resolve) => {
    call.on('error', resolve)
    call.on('end', () => setImmediate(resolve, null))
  })
  return { call, answers, ended }
}

/** A deadline in the words of gRPC's header, e.g. '150m' for 150 ms, that only the server keeps. */
function deadlineOfServer(timeout?: string): Metadata {
  return Metadata.fromHttp2Headers(timeout === undefined ? {} : { 'grpc-timeout': timeout })
}

/** An upload by gRPC alone; `ended` resolves with its error, or null, and its answer. */
export function rawGather(address: string, timeout?: string) {
  let ended = (_: { error: ServiceError | null; answer: Buffer | undefined }): void => undefined
  const end = new Promise<{ error: ServiceError | null; answer: Buffer | undefined }>((resolve) => {
    ended = resolve
  })
  const { path } = definition.gather
  const metadata = deadlineOfServer(timeout)
  const call = rawStreams(address).makeClientStreamRequest(path, same, same, metadata, (error, answer) =>
    ended({ error, answer }),
  )
  return { call, ended: end }
}

/** A server stream by gRPC alone, which reads only when it is told to. */
export function rawWatch(address: string, timeout?: string) {
  const { path } = definition.watch
  const metadata = deadlineOfServer(timeout)
  const call = rawStreams(address).makeServerStreamRequest(path, same, same, Buffer.alloc(0), metadata)
  call.on('error', () => undefined)
  return call
}

/** Resolves when the signal aborts. */
export function aborted({ signal }: Pick<CallContext, 'signal'>): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

export async function collect<T>(answers: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const answer of answers) all.push(answer)
  return all
}

/** A value that has not changed for a while: 15 turns of the event loop, however long they take on a busy machine. */
export async function settled(value: () => number): Promise<number> {
  let before = value()
  for (let turns = 0; turns < 15; turns += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    if (value() !== before) turns = 0
    before = value()
  }
  return before
}

/** Requests from a list. */
export async function* listed<T>(items: T[]): AsyncGenerator<T> {
  yield* items
}
