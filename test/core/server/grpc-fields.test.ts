import { Metadata } from '@grpc/grpc-js'
import { expect } from 'chai'
import { HpackDecoder } from '../../../src/core/http2/hpack/decoder.js'
import { RequestFields } from '../../../src/core/http2/request-fields.js'
import { deadlineOf, statusTrailers } from '../../../src/core/server/grpc-fields.js'

const timeout = (text: string) => deadlineOf(new RequestFields(['grpc-timeout', text]))

/** The fields of a block, by their name. */
function decoded(block: Buffer): Record<string, string | undefined> {
  const list = new HpackDecoder({ maxListBytes: 100_000 }).decode(block) ?? []
  return Object.fromEntries(list.flatMap((name, at) => (at % 2 === 0 ? [[name, list[at + 1]]] : [])))
}

describe('fields of gRPC', () => {
  for (const [text, ms] of [
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3_000],
    ['400m', 400],
    ['99999999u', 100_000],
    ['5000000n', 5],
  ] as const) {
    it(`takes a timeout of ${text}`, () => expect((timeout(text) as number) - Date.now()).to.be.closeTo(ms, 50))
  }

  for (const text of ['', '1', 'S', '1s', '-1S', '1.5S', '123456789S', '1S ', ' 1S']) {
    it(`refuses a timeout of "${text}"`, () => expect(() => timeout(text)).to.throw('grpc-timeout: must be digits'))
  }

  it('has no deadline when the caller names none', () => {
    expect(deadlineOf(new RequestFields([]))).to.equal(undefined)
  })

  it('encodes what is no printable ASCII, and the sign that says so', () => {
    const { 'grpc-message': message } = decoded(
      statusTrailers({ code: 3, details: '100 % caf\u00e9\n\u{1f600}~', metadata: new Metadata() }),
    )
    expect(message).to.equal('100 %25 caf%C3%A9%0A%F0%9F%98%80~')
    expect(decodeURIComponent(message as string)).to.equal('100 % caf\u00e9\n\u{1f600}~')
  })

  it('sends binary metadata in base64, and leaves out what is too long for a frame', () => {
    const metadata = new Metadata()
    metadata.set('grpc-status-details-bin', Buffer.from([0xff, 0xfe]))
    const status = { code: 13, details: 'why', metadata }
    expect(decoded(statusTrailers(status))).to.deep.equal({
      'grpc-status': '13',
      'grpc-message': 'why',
      'grpc-status-details-bin': '//4=',
    })
    expect(decoded(statusTrailers({ ...status, details: 'x'.repeat(10_000) }))).to.deep.equal({
      'grpc-status': '13',
      'grpc-status-details-bin': '//4=',
    })
    metadata.set('grpc-status-details-bin', Buffer.alloc(10_000))
    metadata.set('x-request-id', 'mine')
    expect(decoded(statusTrailers(status))).to.deep.equal({
      'grpc-status': '13',
      'grpc-message': 'why',
      'x-request-id': 'mine',
    })
  })
})
