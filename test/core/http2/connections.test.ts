import { mock } from 'node:test'
import { expect } from 'chai'
import { newCall } from '../../../src/core/client/client.js'
import { clientOf, gate, releaseAll, retrieval, serveFake, until } from '../fake-frontend.js'
import { lasting, type Victim, victim } from './victim.js'
import { call, headers, request, streamIds } from './wire-calls.js'
import { pause, WireClient } from './wire-client.js'
import {
  codes,
  data,
  flags,
  frame,
  lastData,
  ping,
  preface,
  priority,
  reset,
  settings,
  types,
  u32,
  windowUpdate,
} from './wire-frames.js'

describe('http2: connections', () => {
  let server: Victim

  beforeEach(async () => {
    server = await victim()
  })

  afterEach(async () => {
    await server.serves()
    await server.idle()
    await releaseAll()
  })

  describe('that are silent', () => {
    /** Advances the server's clock; what is sent meanwhile arrives. */
    async function pass(seconds: number): Promise<void> {
      for (let at = 0; at < seconds; at += 5) {
        passedMs += 5_000
        mock.timers.tick(5_000)
        for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
        await pause(1)
      }
    }

    let passedMs = 0
    beforeEach(() => {
      const now = performance.now.bind(performance)
      passedMs = 0
      mock.method(performance, 'now', () => now() + passedMs)
      mock.timers.enable({ apis: ['setInterval'] })
    })
    afterEach(() => mock.reset())

    for (const [name, bytes] of [
      ['nothing at all', Buffer.alloc(0)],
      ['half a preface', preface.subarray(0, 10)],
      ['a preface and no settings', preface],
    ] as const) {
      it(`from the start, after ${name}, are closed`, async () => {
        const wire = new WireClient(server.address)
        wire.send(bytes)
        await server.serves() // on a later connection: this one has been accepted
        await pass(35)
        await wire.closed()
      })
    }

    it('get a PING, and are closed without an answer', async () => {
      const wire = await server.wire()
      wire.acknowledges = false
      await pass(55)
      expect(wire.received.filter(({ type }) => type === types.ping)).to.have.length(0)
      await pass(15)
      await wire.next('PING', ({ type }) => type === types.ping)
      await pass(35)
      await wire.closed()
    })

    it('stay open while they answer PING', async () => {
      const wire = await server.wire()
      await pass(300)
      wire.send(call(1))
      expect((await wire.answer(1)).fields).to.include({ 'grpc-status': '0' })
    })

    it('CVE-2024-22201 (Jetty): are closed though replies to them wait', async () => {
      const wire = await server.wire()
      wire.send(windowUpdate(0, 2 ** 30), settings([[4, 2 ** 30]]))
      wire.socket.pause()
      const callerAad = Buffer.alloc(60_000)
      for (let first = 1; first < 3_000; first += 16) {
        const calls = streamIds(8, first).flatMap((id) => [headers(id), lastData(id, request({ callerAad }))])
        if (!(await wire.flood(Buffer.concat(calls), 1))) break
      }
      await pass(120)
      wire.socket.resume()
      await wire.closed()
    })

    it('are closed within a frame or a header block too', async () => {
      const wires = await Promise.all([server.wire(), server.wire()])
      for (const wire of wires) wire.acknowledges = false
      wires[0]!.send(call(1).subarray(0, 20))
      wires[1]!.send(frame(types.headers, [1], Buffer.alloc(1, 0x82)))
      await server.serves()
      await pass(120)
      await Promise.all(wires.map((wire) => wire.closed()))
    })
  })

  describe('CVE-2018-17189 (slow bodies): with calls that do not end', () => {
    beforeEach(async () => {
      server = await victim({ defaultDeadlineMs: 300 })
    })

    const begun: Record<string, Buffer[]> = {
      'no message': [headers(1)],
      'half a message': [headers(1), data([1], request().subarray(0, 6))],
      'a message without end': [headers(1), data([1], request())],
      'a handler that goes on': [call(1, { userId: lasting })],
    }
    for (const [name, bytes] of Object.entries(begun)) {
      it(`${name}: the deadline ends them`, async () => {
        const wire = await server.wire()
        wire.send(...bytes)
        expect((await wire.answer(1)).fields).to.include({ 'grpc-status': '4' })
      })
    }
  })

  describe('with many earlier calls', () => {
    it('ignore DATA for a call that was refused long ago', async () => {
      const wire = await server.wire()
      wire.send(headers(1), data([1], u32(0x00ffffff, 0xff000000)))
      expect(await wire.reset(1)).to.equal(codes.noError)
      for (let first = 3; first < 3_003; first += 16) {
        wire.send(...streamIds(8, first).map((id) => call(id)))
        await Promise.all(streamIds(8, first).map((id) => wire.answer(id)))
        wire.received.splice(0)
      }
      wire.send(data([1], Buffer.alloc(100)), data([1, flags.endStream], Buffer.alloc(100)), call(9_999))
      expect((await wire.answer(9_999)).fields).to.include({ 'grpc-status': '0' })
    })

    it('return the window that DATA of refused calls has used', async () => {
      const wire = await server.wire()
      wire.send(headers(1), data([1], u32(0x00ffffff, 0xff000000)))
      await wire.reset(1)
      for (let sent = 0; sent < 100; sent += 1) {
        wire.send(data([1], Buffer.alloc(16_384)))
        await pause(1)
      }
      const updates = () => wire.received.filter(({ type, streamId }) => type === types.windowUpdate && streamId === 0)
      const allowed = () => updates().reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 65_535)
      await until(() => allowed() > 100 * 16_384)
    })
  })

  describe('that are drained', () => {
    it('send the whole last answer to a slow reader', async () => {
      const retrieveRecord = async () => ({ data: Buffer.alloc(3 * 1024 * 1024, 7), record: undefined })
      const { address, stop } = await serveFake({ methods: { retrieveRecord }, limits: { drainMs: 60_000 } })
      const wire = await new WireClient(address).greet()
      wire.send(windowUpdate(0, 2 ** 30), settings([[4, 2 ** 30]]), call(1))
      await wire.next('an answer', ({ type }) => type === types.data)
      wire.socket.pause()
      const stopped = stop()
      await pause(1_800)
      wire.socket.resume()
      expect((await wire.answer(1)).fields).to.include({ 'grpc-status': '0' })
      await stopped
    })

    it('6.8 ignore what a client sent before it saw GOAWAY, and answer calls in flight', async () => {
      const { opened, open } = gate()
      const retrieveRecord = async () => opened.then(() => ({ data: Buffer.from('late'), record: undefined }))
      const { address, stop } = await serveFake({ methods: { retrieveRecord } })
      const wire = await new WireClient(address).greet()
      wire.send(call(1), ping())
      await wire.next('PING', ({ type }) => type === types.ping)
      const stopped = stop()
      await wire.next('GOAWAY', ({ type }) => type === types.goaway)
      wire.send(call(3), headers(5), windowUpdate(5, 1), reset(5), priority(7), settings(), ping())
      await pause(20)
      open()
      expect((await wire.answer(1)).fields).to.include({ 'grpc-status': '0' })
      await stopped
    })

    it('6.8 because of their age, accept what a client sent before it could see GOAWAY', async () => {
      const { address } = await serveFake({ limits: { maxConnectionAgeMs: 100 } })
      const wire = await new WireClient(address).greet()
      wire.acknowledges = false
      const { payload } = await wire.next('GOAWAY', ({ type }) => type === types.goaway)
      wire.send(call(1))
      expect(payload.readUInt32BE(0)).to.equal(2 ** 31 - 1)
      expect((await wire.answer(1)).fields).to.include({ 'grpc-status': '0' })
      await wire.closed()
    })

    it('because of their age, fail no call', async () => {
      const aging = await serveFake({ limits: { maxConnectionAgeMs: 100, maxCallsInFlight: 100 } })
      const { methods } = clientOf(aging.address)
      const failures: unknown[] = []
      const end = Date.now() + 1_500
      const work = async () => {
        while (Date.now() < end)
          await methods.retrieveRecord(retrieval(), newCall()).catch((error) => failures.push(String(error)))
      }
      await Promise.all(Array.from({ length: 20 }, work))
      expect(failures).to.eql([])
    })
  })
})
