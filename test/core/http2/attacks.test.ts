import { expect } from 'chai'
import { releaseAll, until } from '../fake-frontend.js'
import { held, lasting, maxCallsInFlight, measuredVictim, type Victim } from './victim.js'
import { call, headers, request, streamIds } from './wire-calls.js'
import { pause, WireClient } from './wire-client.js'
import {
  codes,
  data,
  flags,
  frame,
  initialWindow,
  lastData,
  maxConcurrentStreams,
  ping,
  preface,
  priority,
  reset,
  settingIn,
  settings,
  types,
  windowUpdate,
} from './wire-frames.js'

const KiB = 1024
const MiB = 1024 * KiB

describe('http2: attacks', () => {
  let server: Victim
  let before = 0

  beforeEach(async () => {
    ;({ server, before } = await measuredVictim())
  })

  afterEach(async () => {
    await server.serves()
    await server.idle()
    expect(server.handlers.most).to.be.at.most(maxCallsInFlight)
    expect((await held()) - before).to.be.below(8 * MiB)
    await releaseAll()
  })

  describe('CVE-2023-44487 (rapid reset): calls that are cancelled at once', () => {
    const cancelled = (id: number) => Buffer.concat([call(id, { userId: lasting }), reset(id)])

    it('are allowed up to the burst', async () => {
      const wire = await server.wire()
      wire.send(...streamIds(500).map(cancelled), call(1001))
      expect((await wire.answer(1001)).fields).to.include({ 'grpc-status': '0' })
    })

    it('end the connection though as many calls are refused', async () => {
      const wire = await server.wire()
      for (let id = 1; id < 12_000; id += 4) {
        wire.send(headers(id, { ':method': 'GET' }), cancelled(id + 2))
        if (id % 400 === 1) await pause(1)
      }
      await wire.closed()
    })

    // A front end has one connection to its back end, and forwards the cancellations of all its callers.
    it('are allowed beyond the burst when most calls succeed', async () => {
      const wire = await server.wire()
      wire.send(windowUpdate(0, 2 ** 20))
      const round = (first: number) => [cancelled(first), ...streamIds(9, first + 2).map((id) => call(id))]
      for (let first = 1; first < 40_000; first += 20) {
        wire.send(...round(first))
        await wire.answer(first + 18)
        wire.received.splice(0)
      }
      wire.send(call(50_001))
      expect((await wire.answer(50_001)).fields).to.include({ 'grpc-status': '0' })
    })

    it('end the connection above the burst', async () => {
      const wire = await server.wire()
      wire.send(...streamIds(3_000).map(cancelled))
      expect(await wire.goaway()).to.equal(codes.enhanceYourCalm)
    })

    it('end the connection when each comes in its own packet', async () => {
      const wire = await server.wire()
      for (const id of streamIds(3_000)) {
        wire.send(cancelled(id))
        if (id % 16 === 1) await pause(0)
        if (wire.socket.destroyed) break
      }
      expect(await wire.goaway()).to.equal(codes.enhanceYourCalm)
    })
  })

  describe('frames without effect', () => {
    it('CVE-2019-9513 (resource loop), CVE-2015-8659 (nghttp2): a flood of PRIORITY is ignored', async () => {
      const wire = await server.wire()
      await wire.flood(Buffer.concat(Array(1_000).fill(priority(7))), 100)
      wire.send(call(9))
      expect((await wire.answer(9)).fields).to.include({ 'grpc-status': '0' })
    })

    it('of an unknown type are ignored', async () => {
      const wire = await server.wire()
      wire.send(frame(0x77, [0], Buffer.alloc(100)), frame(0x78, [1]), call(1))
      expect((await wire.answer(1)).fields).to.include({ 'grpc-status': '0' })
    })

    it('CVE-2019-9518 (empty frames flood): empty DATA ends the connection', async () => {
      const wire = await server.wire()
      wire.send(headers(1), ...Array.from({ length: 5_000 }, () => data([1], Buffer.alloc(0))))
      expect(await wire.goaway()).to.equal(codes.enhanceYourCalm)
    })

    it('WINDOW_UPDATE of one byte, PING, and frames of an ended stream are allowed', async () => {
      const wire = await server.wire()
      wire.send(call(1))
      await wire.answer(1)
      wire.send(...Array.from({ length: 500 }, () => windowUpdate(0, 1)), reset(1), windowUpdate(1, 5), ping(), call(3))
      expect((await wire.answer(3)).fields).to.include({ 'grpc-status': '0' })
    })
  })

  describe('slowness', () => {
    it('a call that comes byte by byte is answered', async () => {
      const wire = new WireClient(server.address)
      wire.acknowledges = false // an acknowledgement would split the bytes
      for (const byte of Buffer.concat([preface, settings(), call(1)])) {
        wire.send(Buffer.from([byte]))
        await new Promise((resolve) => setImmediate(resolve))
      }
      expect((await wire.answer(1)).fields).to.include({ 'grpc-status': '0' })
    })

    it('an incomplete frame holds nobody up', async () => {
      const wire = await server.wire()
      wire.send(call(1).subarray(0, 20))
      await pause(20)
    })

    it('CVE-2016-1546 (httpd), CVE-2019-10072 (Tomcat): an answer without a window waits, until another call needs its place', async () => {
      const wire = await server.wire([[initialWindow, 0]])
      const ids = streamIds(maxCallsInFlight)
      const callerAad = Buffer.alloc(60_000, 'w')
      for (const id of ids) wire.send(headers(id), lastData(id, request({ callerAad })))
      await until(() => server.handlers.running === 0 && server.handlers.most > 0)
      await server.serves()
      expect(ids.map((id) => wire.contentSize(id))).to.eql(ids.map(() => 0))
      wire.send(windowUpdate(0, MiB), ...ids.map((id) => windowUpdate(id, 100_000)))
      const [longest, ...others] = ids
      expect(await wire.reset(longest!)).to.equal(codes.internalError)
      for (const id of others) expect((await wire.answer(id)).content.subarray(-4).toString()).to.equal('wwww')
    })

    it('a reader of one byte at a time gets the whole answer', async () => {
      const wire = await server.wire([[initialWindow, 0]])
      wire.send(call(1, { callerAad: Buffer.alloc(300, 'w') }))
      for (let bytes = 0; bytes < 400; bytes += 1) wire.send(windowUpdate(1, 1))
      expect((await wire.answer(1)).content).to.have.length.above(300)
    })
  })

  it('streams above the limit are refused', async () => {
    const wire = await server.wire()
    const { payload } = await wire.next('settings', ({ type }) => type === types.settings)
    const limit = settingIn(payload, maxConcurrentStreams)!
    expect(limit).to.be.within(maxCallsInFlight, 4 * maxCallsInFlight)
    wire.send(...streamIds(limit).map((id) => headers(id)))
    const [refused] = streamIds(1, 2 * limit + 1)
    wire.send(headers(refused!))
    expect(await wire.reset(refused!)).to.equal(codes.refusedStream)
    wire.send(data([1, flags.endStream], request()))
    expect((await wire.answer(1)).fields).to.include({ 'grpc-status': '0' })
  })

  it('open calls end with their connection', async () => {
    const wire = await server.wire()
    wire.send(...streamIds(maxCallsInFlight).map((id) => call(id, { userId: lasting })))
    await until(() => server.handlers.running === maxCallsInFlight)
    wire.socket.destroy()
    await server.idle()
  })
})
