import { status } from '@grpc/grpc-js'
import { expect } from 'chai'
import { FrontendServiceService, RetrieveRecordResponse } from '../../../src/gen/encserver/v1/frontend.js'
import { releaseAll } from '../fake-frontend.js'
import { lasting, type Victim, victim } from './victim.js'
import { type Changes, call, fieldsOf, headers, request } from './wire-calls.js'
import { block, codes, data, flags, frame, headerFrames, lastData, message, types, u32 } from './wire-frames.js'

const maxReceiveBytes = 10_000
const end = flags.endStream
const { INVALID_ARGUMENT, INTERNAL, UNIMPLEMENTED, DEADLINE_EXCEEDED, OK } = status

describe('http2: gRPC requests', () => {
  let server: Victim

  beforeEach(async () => {
    server = await victim({ maxReceiveBytes })
  })

  afterEach(async () => {
    await server.serves()
    await server.idle()
    await releaseAll()
  })

  /** The header fields of the answer on stream 1; checks that the connection still works. */
  async function answerTo(...bytes: Buffer[]): Promise<Record<string, string>> {
    const wire = await server.wire()
    wire.send(...bytes)
    const { fields } = await wire.answer(1)
    wire.send(call(9))
    expect((await wire.answer(9)).fields).to.include({ 'grpc-status': '0' })
    return fields
  }

  const withMessages = (messages: Buffer, changes: Changes = {}) => [headers(1, changes), data([1, end], messages)]

  describe('are answered', () => {
    const fine: Record<string, Buffer[]> = {
      'in one frame of DATA': withMessages(request()),
      'whose end comes in a frame of its own': [headers(1), data([1], request()), data([1, end], Buffer.alloc(0))],
      'whose end is in trailers': [headers(1), data([1], request()), headerFrames([1, end], block({ a: 'b' }))],
      'in frames of one byte': [
        headers(1),
        ...[...request()].map((byte) => data([1], Buffer.from([byte]))),
        data([1, end], Buffer.alloc(0)),
      ],
      'of a content type with a format': withMessages(request(), { 'content-type': 'application/grpc+proto' }),
      'of a content type in other case': withMessages(request(), { 'content-type': 'Application/gRPC+Proto' }),
      'of a content type with a parameter': withMessages(request(), { 'content-type': 'application/grpc ; a="b"' }),
      'that say how they are not compressed': withMessages(request(), { 'grpc-encoding': 'identity' }),
      'that accept what is compressed': withMessages(request(), { 'grpc-accept-encoding': 'gzip, deflate' }),
      'with the content length they have': withMessages(request(), { 'content-length': String(request().length) }),
      'with a timeout in each unit': withMessages(request(), { 'grpc-timeout': '99999999n' }),
      'with the longest timeout': withMessages(request(), { 'grpc-timeout': '99999999H' }),
      'with a binary header': withMessages(request(), { 'x-bin': 'AAE' }),
      'with a binary header that is not base64 (CVE-2023-32732)': withMessages(request(), { 'x-bin': '***' }),
    }
    for (const [name, bytes] of Object.entries(fine)) {
      it(name, async () => {
        const fields = await answerTo(...bytes)
        expect(fields).to.include({ ':status': '200', 'content-type': 'application/grpc', 'grpc-status': '0' })
      })
    }

    it('with one message and its prefix', async () => {
      const wire = await server.wire()
      wire.send(call(1, { callerAad: Buffer.from('echo') }))
      const { content } = await wire.answer(1)
      expect(content.readUInt32BE(1)).to.equal(content.length - 5)
      expect(RetrieveRecordResponse.decode(content.subarray(5)).data.toString()).to.equal('echo')
    })
  })

  describe('are refused with a gRPC status', () => {
    const unknown = FrontendServiceService.retrieveRecord.path.replace('Retrieve', 'Invented')
    const broken: Record<string, [bytes: Buffer[], ...codes: number[]]> = {
      'with a message that is too long': [[headers(1), lastData(1, message(Buffer.alloc(20_000)))], INVALID_ARGUMENT],
      'with a message that promises 4 GiB': [[headers(1), data([1], u32(0x00ffffff, 0xff000000))], INVALID_ARGUMENT],
      'with two messages': [
        withMessages(Buffer.concat([request(), request()])),
        UNIMPLEMENTED,
        INTERNAL,
        INVALID_ARGUMENT,
      ],
      'with no message': [withMessages(Buffer.alloc(0)), UNIMPLEMENTED, INTERNAL, INVALID_ARGUMENT],
      'that end with their fields': [
        [headerFrames([1, end], block(fieldsOf()))],
        UNIMPLEMENTED,
        INTERNAL,
        INVALID_ARGUMENT,
      ],
      'with half a message': [withMessages(request().subarray(0, -1)), INTERNAL, INVALID_ARGUMENT],
      'with half a prefix': [withMessages(Buffer.alloc(3)), INTERNAL, INVALID_ARGUMENT],
      'with bytes after the message': [
        withMessages(Buffer.concat([request(), Buffer.alloc(2)])),
        UNIMPLEMENTED,
        INTERNAL,
        INVALID_ARGUMENT,
      ],
      'with a message that is none': [withMessages(message(Buffer.from([0xff]))), INVALID_ARGUMENT],
      'compressed without saying how': [
        withMessages(message(Buffer.alloc(1), 1)),
        INTERNAL,
        UNIMPLEMENTED,
        INVALID_ARGUMENT,
      ],
      'with a flag that means nothing': [
        withMessages(message(Buffer.alloc(1), 7)),
        INTERNAL,
        UNIMPLEMENTED,
        INVALID_ARGUMENT,
      ],
      'of an unknown method': [withMessages(request(), { ':path': unknown }), UNIMPLEMENTED],
      'of no service': [withMessages(request(), { ':path': '/' }), UNIMPLEMENTED],
      'whose time is over': [withMessages(request({ userId: lasting }), { 'grpc-timeout': '50m' }), DEADLINE_EXCEEDED],
      'whose time is over before they begin': [
        withMessages(request({ userId: lasting }), { 'grpc-timeout': '0n' }),
        DEADLINE_EXCEEDED,
      ],
    }
    for (const [name, [bytes, ...expected]] of Object.entries(broken)) {
      it(name, async () => {
        const answer = await answerTo(...bytes)
        expect(answer[':status']).to.equal('200')
        expect(Number(answer['grpc-status'])).to.be.oneOf(expected)
      })
    }

    for (const timeout of ['', '5', 'm', '123456789m', '5x', '-5m', '5.5m', '5 m', '5m5m']) {
      it(`with a timeout of "${timeout}"`, async () => {
        const answer = await answerTo(...withMessages(request(), { 'grpc-timeout': timeout }))
        expect(Number(answer['grpc-status'])).to.be.oneOf([INVALID_ARGUMENT, INTERNAL, status.OUT_OF_RANGE])
        expect(server.handlers.most).to.equal(1)
      })
    }

    it('when they are compressed, with the accepted encodings', async () => {
      const answer = await answerTo(...withMessages(message(Buffer.alloc(9), 1), { 'grpc-encoding': 'gzip' }))
      expect(answer).to.include({ 'grpc-status': String(UNIMPLEMENTED), 'grpc-accept-encoding': 'identity' })
    })

    it('and the rest of their DATA is ignored', async () => {
      const wire = await server.wire()
      wire.send(headers(1), data([1], u32(0x00ffffff, 0xff000000)))
      expect((await wire.answer(1)).fields).to.include({ 'grpc-status': String(INVALID_ARGUMENT) })
      expect(await wire.reset(1)).to.equal(codes.noError)
      for (let sent = 0; sent < 3; sent += 1) wire.send(data([1], Buffer.alloc(16_384)))
      wire.send(frame(types.windowUpdate, [1], u32(100)), frame(types.rstStream, [1], u32(codes.cancel)), call(3))
      expect((await wire.answer(3)).fields).to.include({ 'grpc-status': String(OK) })
    })
  })

  describe('that are not gRPC are refused with an HTTP status', () => {
    const none: Record<string, [Changes, ...codes: number[]]> = {
      'of another content type': [{ 'content-type': 'application/json' }, 415],
      'of a content type that only begins like it': [{ 'content-type': 'application/grpcx' }, 415],
      'of JSON in gRPC': [{ 'content-type': 'application/grpc+json' }, 415],
      'of a format that only begins like protobuf': [{ 'content-type': 'application/grpc+protobuf' }, 415],
      'of gRPC-Web': [{ 'content-type': 'application/grpc-web' }, 415],
      'without content type': [{ 'content-type': undefined }, 415],
      'with GET': [{ ':method': 'GET' }, 405, 415],
      'with CONNECT and a path': [{ ':method': 'CONNECT' }, 405, 415],
      'with an invented verb': [{ ':method': 'post' }, 405, 415],
    }
    for (const [name, [changes, ...expected]] of Object.entries(none)) {
      it(name, async () => {
        const answer = await answerTo(...withMessages(request(), changes))
        expect(Number(answer[':status'])).to.be.oneOf(expected)
        expect(answer).to.not.have.property('grpc-status')
      })
    }
  })
})
