import { setTimeout as pause } from 'node:timers/promises'
import { ChannelCredentials, Client } from '@grpc/grpc-js'
import { expect } from 'chai'
import type { CallContext } from '../../../src/core/methods.js'
import { startServer } from '../../../src/core/server/server.js'
import { RetrieveRecordRequest } from '../../../src/gen/encserver/v1/frontend.js'
import { atEnd, keepingLog, localhost, rawClient, releaseAll, retrieval, serveFake, until } from '../fake-frontend.js'
import { definition, type Streams, settled } from '../fake-streams.js'
import { held } from './victim.js'
import { headers, streamIds } from './wire-calls.js'
import { WireClient } from './wire-client.js'
import { data, flags, initialWindow, lastData, message, windowUpdate } from './wire-frames.js'

const KiB = 1024
const MiB = 1024 * KiB
const limits = {
  maxReceiveBytes: 20 * MiB,
  maxCallsInFlight: 1_000,
  defaultDeadlineMs: 120_000,
  maxConnectionAgeMs: 600_000,
  drainMs: 100,
}
const same = (bytes: Buffer) => bytes
const { talk, watch, gather } = definition

/** Bytes that differ by their position. */
function pattern(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size)
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE((at * 2_654_435_761 + seed) >>> 0, at)
  if (size > 0) bytes[0] = 1 // 0xff would mark a malformed message
  return bytes
}

const echo: Streams = {
  async *talk(requests) {
    yield* requests
  },
  async *watch(request) {
    for (let at = 0; at < 100; at += 1) yield request
  },
  async gather(requests) {
    let size = 0
    for await (const { length } of requests) size += length
    return Buffer.from(String(size))
  },
}

async function serve(methods: Partial<Streams> = {}): Promise<string> {
  const { log } = keepingLog()
  const service = { name: 'encserver.v1.FrontendService', definition, methods: { ...echo, ...methods } }
  const server = await startServer({
    callers: 'public',
    section: 'frontend',
    listen: localhost,
    limits,
    service,
    log,
  })
  atEnd(server.stop)
  return `127.0.0.1:${server.port}`
}

/** A grpc-js client with one connection. */
function clientOf(address: string): Client {
  const options = { 'grpc.max_receive_message_length': -1, 'grpc.enable_retries': 0 }
  const client = new Client(address, ChannelCredentials.createInsecure(), options)
  atEnd(() => client.close())
  return client
}

/** The answers to messages, each sent when the last has been accepted. */
async function exchanged(client: Client, messages: Buffer[]): Promise<Buffer[]> {
  const call = client.makeBidiStreamRequest(talk.path, same, same)
  const sending = (async () => {
    for (const each of messages) if (!call.write(each)) await new Promise((resolve) => call.once('drain', resolve))
    call.end()
  })()
  const answers: Buffer[] = await call.toArray()
  await sending
  return answers
}

describe('http2: flow', () => {
  afterEach(releaseAll)

  describe('large messages', () => {
    it('of 16 MiB go both ways in a unary call', async () => {
      const { address } = await serveFake({ limits: { maxReceiveBytes: 20 * MiB } })
      const callerAad = pattern(16 * MiB)
      const frame = Buffer.from(RetrieveRecordRequest.encode(retrieval({ callerAad })).finish())
      const { error, response } = await rawClient(address, { 'grpc.max_receive_message_length': -1 })({ frame })
      expect(error).to.equal(null)
      expect(response!.data.equals(callerAad)).to.equal(true)
    })

    it('of 16 MiB go both ways in a stream, one after the other', async () => {
      const messages = [pattern(16 * MiB), Buffer.alloc(0), pattern(16 * MiB, 2), pattern(3, 3)]
      const answers = await exchanged(clientOf(await serve()), messages)
      expect(answers.map((answer, at) => answer.equals(messages[at]!))).to.eql([true, true, true, true])
    })

    it('of every size near the bounds of frames and windows', async () => {
      const bounds = [5, 2_048, 8_192, 16_384, 32_768, 65_535, 262_144, MiB]
      const sizes = bounds.flatMap((bound) => [-10, -6, -5, -4, -1, 0, 1, 9].map((by) => Math.max(0, bound + by)))
      const messages = sizes.map((size, at) => pattern(size, at))
      const answers = await exchanged(clientOf(await serve()), messages)
      expect(answers.map((answer, at) => (answer.equals(messages[at]!) ? 0 : sizes[at]))).to.eql(sizes.map(() => 0))
    })
  })

  describe('many streams on one connection', () => {
    it('do not mix their messages', async () => {
      const client = clientOf(await serve())
      const streams = Array.from({ length: 300 }, (_, seed) =>
        Array.from({ length: 10 }, (_, at) => pattern((seed * 97 + at * 1_013) % 20_000, seed * 10 + at)),
      )
      const answers = await Promise.all(streams.map((messages) => exchanged(client, messages)))
      expect(answers.map((each, at) => Buffer.concat(each).equals(Buffer.concat(streams[at]!)))).to.not.include(false)
    })

    it('share it fairly: small ones end before a large one', async () => {
      const client = clientOf(await serve())
      const large = exchanged(client, Array(20).fill(pattern(4 * MiB)))
      let ended = false
      void large.then(() => (ended = true))
      for (let at = 0; at < 20; at += 1) await exchanged(client, [pattern(100)])
      expect(ended).to.equal(false)
      expect(await large).to.have.length(20)
    })
  })

  describe('a slow reader', () => {
    it('holds the method back, so that few answers are buffered', async () => {
      let made = 0
      const address = await serve({
        async *watch() {
          for (; made < 5_000; made += 1) yield Buffer.alloc(64 * KiB)
        },
      })
      const before = await held()
      const wire = await new WireClient(address).greet([[initialWindow, 100 * KiB]])
      wire.send(windowUpdate(0, 100 * MiB), headers(1, { ':path': watch.path }), data([1, flags.endStream]))
      await until(() => made >= 2)
      expect(await settled(() => made)).to.be.at.most(12)
      expect((await held()) - before).to.be.below(4 * MiB)
      wire.send(windowUpdate(1, MiB))
      await until(() => wire.contentSize(1) === MiB + 100 * KiB)
      await until(() => made >= 17)
      expect(await settled(() => made)).to.be.at.most(28)
    })

    it('of a whole connection holds all its methods back', async () => {
      let made = 0
      const address = await serve({
        async *watch() {
          for (let sent = 0; sent < 5_000; sent += 1, made += 1) yield Buffer.alloc(64 * KiB)
        },
      })
      const before = await held()
      const wire = await new WireClient(address).greet([[initialWindow, 2 ** 31 - 1]])
      wire.socket.pause()
      wire.send(windowUpdate(0, 2 ** 31 - 1 - 65_535))
      const ids = streamIds(8)
      for (const id of ids) wire.send(headers(id, { ':path': watch.path }), data([id, flags.endStream]))
      expect(await settled(() => made)).to.be.below(1_500) // includes what the kernel buffers
      expect((await held()) - before).to.be.below(16 * MiB)
    })

    it('does not hold back other calls of its connection', async () => {
      const wire = await new WireClient(await serve()).greet([[initialWindow, 0]])
      const start = (id: number) => [headers(id, { ':path': watch.path }), lastData(id, message(pattern(20_000)))]
      wire.send(windowUpdate(0, 100 * MiB), ...streamIds(20).flatMap(start), ...start(101), windowUpdate(101, 10 * MiB))
      expect((await wire.answer(101)).content).to.have.length(100 * 20_005)
      expect(wire.contentSize(1)).to.equal(0)
    })
  })

  describe('a method that does not read its requests', () => {
    const waiting = (calls: CallContext[]) => async (_: unknown, call: CallContext) => {
      calls.push(call)
      await new Promise<void>((resolve) => call.signal.addEventListener('abort', resolve))
      return Buffer.alloc(0)
    }

    it('holds its callers back, but no other calls of their connection', async () => {
      const calls: CallContext[] = []
      const client = clientOf(await serve({ gather: waiting(calls) }))
      const before = await held()
      const uploads = streamIds(5).map(() => {
        const call = client.makeClientStreamRequest(gather.path, same, same, () => undefined)
        call.on('error', () => undefined)
        for (let at = 0; at < 40; at += 1) call.write(pattern(16 * KiB))
        return call
      })
      await until(() => calls.length === 5)
      await pause(100) // time for everything the windows allow to arrive
      const answers = await exchanged(client, Array(50).fill(pattern(100 * KiB)))
      expect(answers).to.have.length(50)
      expect((await held()) - before).to.be.below(16 * MiB)
      for (const call of uploads) call.cancel()
      await until(() => calls.every(({ signal }) => signal.aborted))
    })

    it('can read the rest later', async () => {
      let open = (): void => undefined
      const opened = new Promise<void>((resolve) => (open = resolve))
      const address = await serve({
        async *talk(requests) {
          await opened
          yield* requests
        },
      })
      const messages = Array.from({ length: 300 }, (_, at) => pattern(16 * KiB, at))
      const answers = exchanged(clientOf(address), messages)
      await pause(100)
      open()
      expect(Buffer.concat(await answers).equals(Buffer.concat(messages))).to.equal(true)
    })
  })

  describe('small pieces', () => {
    it('of a large message take no more memory than its size', async () => {
      const wire = await new WireClient(await serve()).greet()
      const before = await held()
      wire.send(headers(1, { ':path': gather.path }), data([1], message(Buffer.alloc(60_000)).subarray(0, 5)))
      for (let round = 0; round < 59; round += 1) wire.send(...Array(1_000).fill(data([1], Buffer.alloc(1))))
      await until(() => wire.socket.writableLength === 0)
      await pause(200)
      expect((await held()) - before).to.be.below(2 * MiB)
      wire.send(lastData(1, Buffer.alloc(1_000)))
      expect((await wire.answer(1)).content.subarray(5).toString()).to.equal('60000')
    })
  })
})
