import { expect } from 'chai'
import { releaseAll } from '../fake-frontend.js'
import { held, measuredVictim, type Victim } from './victim.js'
import { call, fieldsOf, request } from './wire-calls.js'
import { pause, type Received, type WireClient } from './wire-client.js'
import { block, codes, data, entry, flags, frame, headerFrames, types } from './wire-frames.js'

const KiB = 1024
const MiB = 1024 * KiB
const usual = block(fieldsOf())
const newest = Buffer.from([0xbe]) // index 62: the newest entry

describe('http2: header attacks', () => {
  let server: Victim
  let before = 0

  beforeEach(async () => {
    ;({ server, before } = await measuredVictim())
  })

  afterEach(async () => {
    await server.serves()
    expect((await held()) - before).to.be.below(4 * MiB)
    await releaseAll()
  })

  // CVE-2024-28182 (nghttp2), CVE-2023-45288 (Go), CVE-2024-27316 (httpd), CVE-2024-30255 (Envoy), CVE-2024-31309 (Traffic
  // Server), CVE-2024-2653 (amphp), CVE-2026-33871 (Netty, empty frames), CVE-2016-8740 (httpd).
  describe('CVE-2024-28182, CVE-2023-45288, CVE-2026-33871 and others (CONTINUATION flood): endless header fields', () => {
    for (const [size, count] of [
      [8 * KiB, 64],
      [1, 10_000],
      [0, 10_000],
    ] as const) {
      it(`in pieces of ${size} bytes end the connection`, async () => {
        const wire = await server.wire()
        const more = frame(types.continuation, [1], Buffer.alloc(size, 0x82)) // index 2: :method GET
        wire.send(frame(types.headers, [1], usual), ...Array(count).fill(more))
        expect(await wire.goaway()).to.equal(codes.enhanceYourCalm)
      })
    }

    it('hold nobody else up', async () => {
      const wire = await server.wire()
      wire.send(frame(types.headers, [1], usual))
      await pause(20)
    })
  })

  describe('header fields that are too large', () => {
    /** How the server refuses a call. */
    async function refusal(wire: WireClient): Promise<string> {
      const ends = ({ type, streamId }: Received) =>
        (type === types.headers && streamId === 1) || type === types.rstStream || type === types.goaway
      const { type, fields, payload } = await wire.next('a refusal', ends)
      if (type === types.headers) return `status ${fields[':status']}`
      return type === types.goaway ? `GOAWAY ${payload.readUInt32BE(4)}` : `RST_STREAM ${payload.readUInt32BE(0)}`
    }

    const ofStream = ['status 431', `RST_STREAM ${codes.enhanceYourCalm}`]
    const refusals = [...ofStream, `GOAWAY ${codes.enhanceYourCalm}`]

    it('CVE-2016-1544 (nghttp2), CVE-2016-8740 (httpd): of 40 KiB are refused', async () => {
      const wire = await server.wire()
      const large = block({ a: 'a'.repeat(20 * KiB), b: 'b'.repeat(20 * KiB) })
      wire.send(headerFrames([1], Buffer.concat([usual, large])))
      expect(await refusal(wire)).to.be.oneOf(refusals)
    })

    it('CVE-2016-6581 (HPACK bomb): indexes of a large entry are refused at little cost', async () => {
      const wire = await server.wire()
      const bomb = Buffer.concat([usual, entry('bomb', 'b'.repeat(4_000)), Buffer.alloc(30_000, newest)])
      const { user, system } = process.cpuUsage()
      wire.send(headerFrames([1], bomb))
      expect(await refusal(wire)).to.be.oneOf(refusals)
      const spent = process.cpuUsage()
      expect(spent.user + spent.system - user - system).to.be.below(500_000)
      expect((await held()) - before).to.be.below(2 * MiB)
    })

    it('CVE-2023-32731 (gRPC): leave the dynamic table in step', async () => {
      const wire = await server.wire()
      const large = block({ a: 'a'.repeat(20 * KiB) })
      wire.send(headerFrames([1], Buffer.concat([usual, large, entry('content-type', 'application/grpc')])))
      expect(await refusal(wire)).to.be.oneOf(ofStream)
      const others = block(fieldsOf({ 'content-type': undefined }))
      wire.send(headerFrames([3], Buffer.concat([others, newest])), data([3, flags.endStream], request()))
      expect((await wire.answer(3)).fields).to.include({ 'grpc-status': '0' })
    })

    it('hold up no other call of their connection', async () => {
      const wire = await server.wire()
      wire.send(headerFrames([1], Buffer.concat([usual, block({ a: 'a'.repeat(20 * KiB) })])), call(3))
      expect((await wire.answer(3)).fields).to.include({ 'grpc-status': '0' })
    })
  })
})
