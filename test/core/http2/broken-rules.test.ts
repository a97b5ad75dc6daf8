import { expect } from 'chai'
import { FrontendServiceService } from '../../../src/gen/encserver/v1/frontend.js'
import { releaseAll, until } from '../fake-frontend.js'
import { lasting, type Victim, victim } from './victim.js'
import { call, fieldsOf, headers, request } from './wire-calls.js'
import { pause, WireClient } from './wire-client.js'
import {
  block,
  codes,
  data,
  flags,
  frame,
  headerFrames,
  initialWindow,
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

const { protocolError, flowControlError, frameSizeError, streamClosed, compressionError } = codes
const usual = block(fieldsOf())
const open = call(1, { userId: lasting })
const unfinished = headers(1)

/** Errors that end the connection, by section of RFC 9113. */
const endConnection: Record<string, [bytes: Buffer[], ...codes: number[]]> = {
  '4.1 PING on a stream': [[frame(types.ping, [1], Buffer.alloc(8))], protocolError],
  '4.2 a frame larger than was allowed': [[unfinished, data([1], Buffer.alloc(16_385))], frameSizeError],
  '4.2 a frame that promises 16 MiB': [[Buffer.from('ffffff000000000001', 'hex')], frameSizeError, protocolError],
  '4.3 an index beyond the table': [
    [headerFrames([1], Buffer.concat([usual, Buffer.from([0xff, 0x30])]))],
    compressionError,
  ],
  '4.3 a table larger than allowed': [
    [headerFrames([1], Buffer.concat([Buffer.from('3fffff3f', 'hex'), usual]))],
    compressionError,
  ],
  '4.3 a block that ends within a field': [[headerFrames([1], usual.subarray(0, -1))], compressionError],
  '4.3 a frame amid header fields': [[frame(types.headers, [1], usual), ping()], protocolError],
  '4.3 another stream amid header fields': [[frame(types.headers, [1], usual), headers(3)], protocolError],
  '5.1 DATA on an idle stream': [[data([1])], protocolError],
  '5.1 WINDOW_UPDATE on an idle stream': [[windowUpdate(5, 1)], protocolError],
  '5.1.1 a stream with an even id': [[call(2)], protocolError],
  '5.1.1 a stream with a lower id': [[open, call(5, { userId: lasting }), call(3)], protocolError, streamClosed],
  '6.1 DATA on stream 0': [[data([0])], protocolError],
  '6.1 padding longer than its frame': [[unfinished, data([1, flags.padded], Buffer.from([9, 0]))], protocolError],
  '6.2 HEADERS on stream 0': [[headerFrames([0], usual)], protocolError],
  '6.4 RST_STREAM on an idle stream': [[reset(1)], protocolError],
  '6.4 RST_STREAM of 3 bytes': [[open, frame(types.rstStream, [1], Buffer.alloc(3))], frameSizeError],
  '6.5 SETTINGS of 5 bytes': [[frame(types.settings, [0], Buffer.alloc(5))], frameSizeError],
  '6.5 an acknowledgement with content': [[frame(types.settings, [0, flags.ack], Buffer.alloc(6))], frameSizeError],
  '6.5 SETTINGS on a stream': [[frame(types.settings, [1])], protocolError],
  '6.5.2 an initial window of 2 GiB': [[settings([[initialWindow, 2 ** 31]])], flowControlError],
  '6.6 PUSH_PROMISE of a client': [[open, frame(types.pushPromise, [1, flags.endHeaders], u32(2))], protocolError],
  '6.7 PING of 7 bytes': [[frame(types.ping, [0], Buffer.alloc(7))], frameSizeError],
  '6.8 GOAWAY on a stream': [[frame(types.goaway, [1], u32(0, 0))], protocolError],
  '6.9 a WINDOW_UPDATE of 0 bytes for all': [[windowUpdate(0, 0)], protocolError],
  '6.9.1 a window of 2 GiB': [[windowUpdate(0, 2 ** 31 - 1), windowUpdate(0, 1)], flowControlError],
  '6.10 CONTINUATION of nothing': [[frame(types.continuation, [1, flags.endHeaders], usual)], protocolError],
}

/** Errors that reset the stream. */
const resetStream: Record<string, [bytes: Buffer[], ...codes: number[]]> = {
  '5.1 DATA after the end': [[open, data([1])], streamClosed],
  '5.1 HEADERS after the end': [[open, headerFrames([1, flags.endStream], block({ a: 'b' }))], streamClosed],
  '6.3 PRIORITY of 4 bytes': [[open, frame(types.priority, [1], Buffer.alloc(4))], frameSizeError],
  '6.9 a WINDOW_UPDATE of 0 bytes': [[open, windowUpdate(1, 0)], protocolError],
  '6.9.1 a window of 2 GiB': [[open, windowUpdate(1, 2 ** 31 - 1)], flowControlError],
  '8.1 trailers that end nothing': [[unfinished, headerFrames([1], block({ a: 'b' }))], protocolError],
  '8.1.1 more content than announced': [
    [headers(1, { 'content-length': '3' }), data([1, flags.endStream])],
    protocolError,
  ],
  '8.1.1 less content than announced': [
    [headers(1, { 'content-length': '9' }), data([1, flags.endStream])],
    protocolError,
  ],
  '8.2 a name in capitals': [[headers(1, { Te: 'trailers' })], protocolError],
  '8.2 a name with a colon': [[headers(1, { 'a:b': 'c' })], protocolError],
  '8.2.1 a value of two lines': [[headers(1, { a: 'b\r\nc' })], protocolError],
  '8.2.2 a field of HTTP/1.1': [[headers(1, { connection: 'keep-alive' })], protocolError],
  '8.2.2 another te than trailers': [[headers(1, { te: 'gzip' })], protocolError],
  '8.3 a pseudo field after others': [
    [headerFrames([1], Buffer.concat([block(fieldsOf({ ':path': undefined })), block({ ':path': '/' })]))],
    protocolError,
  ],
  '8.3 an unknown pseudo field': [[headerFrames([1], Buffer.concat([block({ ':new': 'x' }), usual]))], protocolError],
  '8.3 a pseudo field in trailers': [
    [unfinished, headerFrames([1, flags.endStream], block({ ':path': '/' }))],
    protocolError,
  ],
  '8.3.1 no path': [[headers(1, { ':path': undefined })], protocolError],
  '8.3.1 two paths': [[headerFrames([1], Buffer.concat([block({ ':path': '/' }), usual]))], protocolError],
  '8.3.1 an empty path': [[headers(1, { ':path': '' })], protocolError],
}

function padded(bytes: Buffer, padding: number): Buffer {
  return Buffer.concat([Buffer.from([padding]), bytes, Buffer.alloc(padding)])
}

describe('http2: protocol errors', () => {
  let server: Victim

  beforeEach(async () => {
    server = await victim()
  })

  afterEach(async () => {
    await server.serves()
    await server.idle()
    await releaseAll()
  })

  describe('end the connection', () => {
    for (const [rule, [bytes, ...expected]] of Object.entries(endConnection)) {
      it(rule, async () => {
        const wire = await server.wire()
        wire.send(...bytes)
        expect(await wire.goaway()).to.be.oneOf(expected)
      })
    }

    it('3.4 another preface', async () => {
      const wire = new WireClient(server.address)
      wire.send(Buffer.from('GET / HTTP/1.1\r\nhost: vault\r\n\r\n'))
      await wire.closed()
    })

    it('3.4 another frame than SETTINGS first', async () => {
      const wire = new WireClient(server.address)
      wire.send(preface, ping(), settings())
      expect(await wire.goaway()).to.equal(protocolError)
    })
  })

  describe('reset only their stream', () => {
    for (const [rule, [bytes, ...expected]] of Object.entries(resetStream)) {
      it(rule, async () => {
        const wire = await server.wire()
        wire.send(...bytes)
        expect(await wire.reset(1)).to.be.oneOf(expected)
        wire.send(call(7))
        expect((await wire.answer(7)).fields).to.include({ 'grpc-status': '0' })
      })
    }
  })

  describe('are not reported for valid frames', () => {
    const fine: Record<string, Buffer[]> = {
      '4.1 flags and bits without meaning': [frame(types.ping, [2 ** 31, 0xfe], Buffer.alloc(8))],
      '5.1 PRIORITY on an idle stream': [priority(99)],
      '6.1 padding': [headers(1), data([1, flags.padded | flags.endStream], padded(request(), 200))],
      '6.5 settings without meaning': [settings([[0xf0f0, 7]])],
      '6.7 PING that answers nothing': [ping(flags.ack)],
      '6.9.2 a window below zero': [open, settings([[initialWindow, 0]]), settings([[initialWindow, 65_535]])],
      '8.1 trailers': [headers(1), data([1], request()), headerFrames([1, flags.endStream], block({ a: 'b' }))],
      '8.2.3 cookies in pieces': [
        headerFrames([1], Buffer.concat([usual, block({ cookie: 'a' }), block({ cookie: 'b' })])),
      ],
    }

    for (const [rule, bytes] of Object.entries(fine)) {
      it(rule, async () => {
        const wire = await server.wire()
        wire.send(...bytes, call(7))
        expect((await wire.answer(7)).fields).to.include({ 'grpc-status': '0' })
        expect(wire.received.filter(({ type }) => type === types.rstStream || type === types.goaway)).to.eql([])
        wire.socket.destroy()
      })
    }
  })

  describe('of windows', () => {
    it('6.9.1 DATA beyond the window ends the stream or the connection', async () => {
      const wire = await server.wire()
      const uploaded = headers(1, { ':path': FrontendServiceService.uploadRecord.path })
      wire.send(uploaded, ...Array.from({ length: 200 }, () => data([1], Buffer.alloc(16_384))))
      const { payload, type } = await wire.next(
        'an end',
        ({ type }) => type === types.rstStream || type === types.goaway,
      )
      expect(payload.readUInt32BE(type === types.goaway ? 4 : 0)).to.equal(flowControlError)
    })

    it('6.9.2 settings that make a window of 2 GiB end the connection', async () => {
      const wire = await server.wire()
      wire.send(open, windowUpdate(1, 2 ** 31 - 1 - 65_535), settings([[initialWindow, 65_536]]))
      expect(await wire.goaway()).to.equal(flowControlError)
    })

    it('6.9.2 nothing is sent before a negative window is positive again', async () => {
      const wire = await server.wire([[initialWindow, 100]])
      const callerAad = Buffer.alloc(1_000, 'w')
      wire.send(call(1, { callerAad }))
      await until(() => wire.contentSize(1) === 100)
      wire.send(settings([[initialWindow, 10]]), windowUpdate(1, 90), ping())
      await wire.next('PING', ({ type }) => type === types.ping)
      expect(wire.contentSize(1)).to.equal(100)
      wire.send(windowUpdate(1, 1))
      await until(() => wire.contentSize(1) === 101)
      wire.send(settings([[initialWindow, 10_000]]))
      expect((await wire.answer(1)).content.subarray(-callerAad.length)).to.eql(callerAad)
    })

    it('6.9.2 settings do not change the window of the connection', async () => {
      const wire = await server.wire([[initialWindow, 10_000_000]])
      const callerAad = Buffer.alloc(60_000)
      wire.send(
        headers(1),
        lastData(1, request({ callerAad })),
        headers(3),
        lastData(3, request({ callerAad })),
        ping(),
      )
      await until(() => wire.contentSize(1) + wire.contentSize(3) === 65_535)
      wire.send(ping())
      await pause(20)
      expect(wire.contentSize(1) + wire.contentSize(3)).to.equal(65_535)
      wire.send(windowUpdate(0, 100_000))
      await Promise.all([wire.answer(1), wire.answer(3)])
    })
  })
})
