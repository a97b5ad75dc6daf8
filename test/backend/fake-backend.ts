// A fake back end that counts its calls and lets a test answer them, and the calls that tests make of it.

import { batchingClient, defaultBatchLimits } from '../../src/backend/client/batching-client.js'
import { backendClient } from '../../src/backend/client.js'
import { newCall } from '../../src/core/client/client.js'
import type { VaultError } from '../../src/core/errors.js'
import type { CallContext, Methods } from '../../src/core/methods.js'
import { startServer } from '../../src/core/server/server.js'
import { toRpcStatus } from '../../src/core/status.js'
import {
  type BackendServiceServer,
  BackendServiceService,
  type BatchCall,
  type BatchResult,
  ExecuteBatchRequest,
  type StoreEnvelopeRequest,
} from '../../src/gen/encserver/v1/backend.js'
import { atEnd, keepingLog, localhost } from '../core/fake-frontend.js'
import { sampleEnvelope, sampleRecord, sampleUser, storeOf } from './samples.js'

export type Backend = Methods<BackendServiceServer>

const none = Buffer.alloc(0)
export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** The answer to a retrieve, which contains the id. */
function answerTo(id: string) {
  return {
    record: { ...sampleRecord(sampleUser()), envelope: none, entryBox: none, recordId: Buffer.from(id) },
    user: undefined,
  }
}

export function idOf({ call }: BatchCall): string {
  return call?.$case === 'retrieve' ? String(call.value.recordIds[0]) : (call?.$case ?? '')
}

/** The result of a successful call. */
export function resultOf(each: BatchCall): BatchResult {
  const { index, call } = each
  switch (call?.$case) {
    case 'store':
      return { index, outcome: { $case: 'store', value: { result: { $case: 'userAbsent', value: {} } } } }
    case 'delete':
      return { index, outcome: { $case: 'delete', value: { deleted: true } } }
    default:
      return { index, outcome: { $case: 'retrieve', value: answerTo(idOf(each)) } }
  }
}

export function errorResult(index: number, error: VaultError): BatchResult {
  return { index, outcome: { $case: 'error', value: toRpcStatus(error, 'r') } }
}

export type Batch = (calls: BatchCall[], context: CallContext) => AsyncIterable<{ results: BatchResult[] }>

export async function* answerAll(calls: BatchCall[]) {
  yield { results: calls.map(resultOf) }
}

/** A back end that counts its calls and answers them; a test may answer the batches. */
export function fakeBackend(batch: Batch = answerAll, alone: () => Promise<unknown> = async () => undefined) {
  const seen = {
    /** How many streams of batches were opened. */
    streams: 0,
    batches: [] as BatchCall[][],
    contexts: [] as CallContext[],
    alone: [] as string[],
    /** The `triedMsAgo` of stores outside batches. */
    triedMsAgo: [] as number[],
  }
  const unary = <Answer>(answer: (request: never) => [string, Answer]) => {
    return async (request: unknown) => {
      const [id, value] = answer(request as never)
      seen.alone.push(id)
      await alone()
      return value
    }
  }
  const methods: Backend = {
    storeEnvelope: unary(({ triedMsAgo }: StoreEnvelopeRequest) => {
      seen.triedMsAgo.push(triedMsAgo)
      return ['store', { result: { $case: 'userAbsent', value: {} } }]
    }),
    retrieveEnvelope: unary(({ recordIds }: { recordIds: Buffer[] }) => [
      String(recordIds[0]),
      answerTo(String(recordIds[0])),
    ]),
    deleteEnvelope: unary(() => ['delete', { deleted: true }]),
    listEnvelopes: () => Promise.reject(new Error('not batched')),
    listEnvelopeVersions: () => Promise.reject(new Error('not batched')),
    storePart: () => Promise.reject(new Error('not batched')),
    retrievePart: () => Promise.reject(new Error('not batched')),
    getStoreInfo: async () => ({ format: 7, keyringId: none, keyChecks: [], empty: true }),
    bindKeyring: () => Promise.reject(new Error('not batched')),
    async *executeBatch(requests, context) {
      seen.streams += 1
      for await (const request of requests) {
        ExecuteBatchRequest.encode(request).finish() // throws for what the wire does not carry
        seen.batches.push(request.calls)
        seen.contexts.push(context)
        const left = new Set(request.calls.map(({ index }) => index))
        for await (const { results } of batch(request.calls, context)) {
          for (const { index } of results) left.delete(index)
          yield { results }
        }
        if (left.size > 0) return
      }
    },
  }
  return { methods, seen }
}

export function clientOf(fake: { methods: Backend }, limits: Partial<typeof defaultBatchLimits> = {}) {
  return batchingClient(fake.methods, { ...defaultBatchLimits, firstResultMs: 10_000, ...limits })
}

export function get(client: Backend, id: string, call = newCall()) {
  return client.retrieveEnvelope({ recordIds: [Buffer.from(id)], version: 0n }, call)
}

export function getAll(client: Backend, count: number) {
  return Promise.all(Array.from({ length: count }, (_, at) => get(client, `${at}`)))
}

export function put(client: Backend, bytes = 200, call = newCall()) {
  const record = sampleRecord(sampleUser(), { envelope: sampleEnvelope(bytes) })
  return client.storeEnvelope(storeOf(record), call)
}

export const remove = (client: Backend, call = newCall()) =>
  client.deleteEnvelope({ recordIds: [none], expectKeyId: none }, call)

export async function* never(): AsyncGenerator<{ results: BatchResult[] }> {
  await new Promise(() => undefined)
  yield { results: [] }
}

/** Serves these methods, and the fake's for the others, until the end of the test (`releaseAll`). */
export async function serveBackend(methods: Partial<Backend>) {
  const { log, events } = keepingLog()
  const server = await startServer({
    callers: 'public',
    section: 'backend',
    listen: localhost,
    limits: {
      maxReceiveBytes: 4 * 1024 * 1024,
      maxCallsInFlight: 100,
      defaultDeadlineMs: 60_000,
      maxConnectionAgeMs: 600_000,
      drainMs: 0,
    },
    service: {
      name: 'encserver.v1.BackendService',
      definition: BackendServiceService,
      methods: { ...fakeBackend().methods, ...methods },
    },
    log,
  })
  atEnd(server.stop)
  const address = `127.0.0.1:${server.port}`
  const connection = backendClient({ address })
  atEnd(connection.close)
  return { ...connection, address, events }
}
