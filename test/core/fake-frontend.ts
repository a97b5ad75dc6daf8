// A front end that does what a test tells it, behind the real server; and callers of it that can misbehave.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import {
  ChannelCredentials,
  Client,
  type ClientOptions,
  type ClientUnaryCall,
  Metadata,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js'
import winston from 'winston'
import { type Connection, connect, newCall } from '../../src/core/client/client.js'
import type { RetryPolicy } from '../../src/core/client/retry.js'
import type { Logger } from '../../src/core/log/log.js'
import type { Methods } from '../../src/core/methods.js'
import { type RunningServer, type ServerLimits, startServer } from '../../src/core/server/server.js'
import type { ListenConfig } from '../../src/core/tls/listen.js'
import {
  type FrontendServiceServer,
  FrontendServiceService,
  RetrieveRecordRequest,
  RetrieveRecordResponse,
} from '../../src/gen/encserver/v1/frontend.js'

export type Fake = Methods<FrontendServiceServer>

const resources: (() => unknown)[] = []

/** Runs when the test is over, last come first. */
export function atEnd(release: () => unknown): void {
  resources.push(release)
}

export async function releaseAll(): Promise<void> {
  for (const release of resources.splice(0).reverse()) await release()
}

export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'enc-server-core-'))
  atEnd(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

export interface Event {
  level: string
  message: string
  [field: string]: unknown
}

/** A log that keeps its events. */
export function keepingLog(): { log: Logger; events: Event[] } {
  const events: Event[] = []
  const write = (event: Event, _: string, next: () => void) => {
    events.push(event)
    next()
  }
  const transport = Object.assign(new Writable({ objectMode: true, write }), { log: () => undefined })
  return { log: winston.createLogger({ level: 'debug', transports: [transport] }), events }
}

export const localhost: ListenConfig = {
  host: '127.0.0.1',
  port: 0,
  insecure: false,
  tls: { certFile: '', keyFile: '', clientCaFile: '' },
}

const limits: ServerLimits = {
  maxReceiveBytes: 64 * 1024,
  maxCallsInFlight: 16,
  defaultDeadlineMs: 60_000,
  maxConnectionAgeMs: 600_000,
  drainMs: 2_000,
}

// It echoes the additional data, as one field that goes both ways in any size.
const echo: Fake = {
  storeRecord: async () => ({ recordKey: '', version: 1n, keyId: Buffer.alloc(16), storeTime: undefined }),
  retrieveRecord: async ({ callerAad }) => ({ data: callerAad, record: undefined }),
  deleteRecord: async () => ({ deleted: true }),
  listRecords: async () => ({ records: [], nextPageToken: '', unreadableCount: 0 }),
  async *storeRecords() {},
  async *retrieveRecords() {},
  uploadRecord: async () => ({ recordKey: '', version: 1n, keyId: Buffer.alloc(16), storeTime: undefined }),
  async *downloadRecord() {},
  listRecordVersions: async () => ({ versions: [], unreadableCount: 0 }),
  restoreRecord: async () => ({ recordKey: '', version: 1n, keyId: Buffer.alloc(16), storeTime: undefined }),
  importLegacyRecord: async () => ({ recordKey: '', version: 1n, keyId: Buffer.alloc(16), storeTime: undefined }),
  getLegacyId: async () => ({ legacyId: Buffer.alloc(0) }),
  getVaultInfo: async () => ({ keyringId: Buffer.alloc(16) }),
}

export interface FakeOptions {
  methods?: Partial<Fake>
  limits?: Partial<ServerLimits>
  listen?: Partial<ListenConfig>
  log?: Logger
}

export interface RunningFake extends RunningServer {
  address: string
  events: Event[]
}

export async function serveFake(options: FakeOptions = {}): Promise<RunningFake> {
  const { log, events } = keepingLog()
  const server = await startServer({
    callers: 'public',
    section: 'frontend',
    listen: { ...localhost, ...options.listen },
    limits: { ...limits, ...options.limits },
    service: {
      name: 'encserver.v1.FrontendService',
      definition: FrontendServiceService,
      methods: { ...echo, ...options.methods },
    },
    log: options.log ?? log,
  })
  atEnd(server.stop)
  return { ...server, address: `127.0.0.1:${server.port}`, events }
}

export const never: RetryPolicy = { idempotent: false, write: false }

/** Our own client of a fake. */
export function clientOf(address: string, policy = never): Connection<FrontendServiceServer> {
  const connection = connect<FrontendServiceServer>(FrontendServiceService, { address }, () => policy)
  atEnd(connection.close)
  return connection
}

export function retrieval(fields: Partial<RetrieveRecordRequest> = {}): RetrieveRecordRequest {
  return RetrieveRecordRequest.create({ userId: 'user', ...fields })
}

/** A retrieve by our own client. */
export function retrieve(address: string, options: Parameters<typeof newCall>[0] = {}) {
  return clientOf(address).methods.retrieveRecord(retrieval(), newCall(options))
}

export interface Answer {
  error: ServiceError | null
  response: RetrieveRecordResponse | undefined
  trailers: Metadata
}

export interface RawCall {
  frame?: Buffer
  metadata?: Record<string, string>
  deadlineMs?: number
  path?: string
  started?: (call: ClientUnaryCall) => void
}

/** A client of gRPC alone, without deadline, request id, retry or details unless asked for. */
export function rawClient(address: string, channelOptions: ClientOptions = {}): (call?: RawCall) => Promise<Answer> {
  const client = new Client(address, ChannelCredentials.createInsecure(), {
    ...channelOptions,
    'grpc.enable_retries': 0,
  })
  atEnd(() => client.close())
  return ({ frame, metadata, deadlineMs, path, started } = {}) => {
    const sent = Metadata.fromHttp2Headers({ ...metadata })
    const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs }
    const request = frame ?? Buffer.from(RetrieveRecordRequest.encode(retrieval()).finish())
    return new Promise((resolve) => {
      let end: StatusObject | undefined
      const same = (bytes: Buffer) => bytes
      const route = path ?? FrontendServiceService.retrieveRecord.path
      const call = client.makeUnaryRequest(route, same, same, request, sent, options, (error, bytes) => {
        const response = bytes === undefined ? undefined : RetrieveRecordResponse.decode(bytes)
        setImmediate(() => resolve({ error, response, trailers: end?.metadata ?? new Metadata() }))
      })
      call.on('status', (status) => {
        end = status
      })
      started?.(call)
    })
  }
}

/** A promise and what settles it. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

/** Waits until it is so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2))
}

/** What a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then(
    () => 'it succeeded',
    (error: unknown) => ({ error }),
  )
  if (typeof outcome === 'string') throw new Error(outcome)
  return outcome.error
}
