// A server to attack, with checks that it still works.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import { newCall } from '../../../src/core/client/client.js'
import type { CallSignal } from '../../../src/core/concurrency/call-signal.js'
import type { Logger } from '../../../src/core/log/log.js'
import type { CallContext } from '../../../src/core/methods.js'
import type { ServerLimits } from '../../../src/core/server/server.js'
import type { RetrieveRecordRequest } from '../../../src/gen/encserver/v1/frontend.js'
import { clientOf, retrieval, serveFake, until } from '../fake-frontend.js'
import { WireClient } from './wire-client.js'

/** The user id of a call that lasts until it is cancelled. */
export const lasting = 'lasting'
export const maxCallsInFlight = 8

const nothing = () => undefined
/** A log that keeps nothing, so that it does not grow. */
const noLog = { log: nothing, error: nothing } as unknown as Logger

export interface Victim {
  address: string
  /** Handlers that run now, and the most that ran at once. */
  handlers: { running: number; most: number }
  wire(settings?: Parameters<WireClient['greet']>[0]): Promise<WireClient>
  /** Rejects unless a call of another client succeeds. */
  serves(): Promise<void>
  /** Resolves when no handler runs. */
  idle(): Promise<void>
}

export async function victim(limits: Partial<ServerLimits> = {}): Promise<Victim> {
  const handlers = { running: 0, most: 0 }
  const retrieveRecord = async ({ userId, callerAad }: RetrieveRecordRequest, { signal }: CallContext) => {
    handlers.running += 1
    handlers.most = Math.max(handlers.most, handlers.running)
    if (userId === lasting) await aborted(signal)
    handlers.running -= 1
    return { data: callerAad, record: undefined }
  }
  /** Does not read its requests. */
  const uploadRecord = async (_: unknown, { signal }: CallContext) => {
    await aborted(signal)
    throw new Error('its caller has gone')
  }
  const { address } = await serveFake({
    methods: { retrieveRecord, uploadRecord },
    limits: { maxCallsInFlight, ...limits },
    log: noLog,
  })
  return {
    address,
    handlers,
    wire: (settings) => new WireClient(address).greet(settings),
    serves: () => succeeds(address),
    idle: () => until(() => handlers.running === 0),
  }
}

/** A server that has answered a call, and the memory in use then. */
export async function measuredVictim(): Promise<{ server: Victim; before: number }> {
  const server = await victim()
  await server.serves()
  return { server, before: await held() }
}

async function aborted(signal: CallSignal): Promise<void> {
  if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', resolve))
}

async function succeeds(address: string): Promise<void> {
  const { methods, close } = clientOf(address)
  const callerAad = Buffer.from('somebody else')
  const { data } = await methods.retrieveRecord(retrieval({ callerAad }), newCall({ timeoutMs: 30_000 }))
  close()
  expect(data).to.eql(callerAad)
}

const collect = garbageCollector()

function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc')
}

/** Bytes of reachable objects and buffers. */
export async function held(): Promise<number> {
  for (let turn = 0; turn < 3; turn += 1) {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 5)) // buffers are freed a moment later
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
