import { Metadata } from '@grpc/grpc-js'
import { expect } from 'chai'
import { deadlineOf, httpStatus, okTrailers, statusTrailers } from '../../../src/core/server/grpc-fields.js'

const timeout = (text: string) => deadlineOf(new Map([['grpc-timeout', text]]))

describe('gRPC header fields', () => {
  for (const [text, ms] of [
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3_000],
    ['400m', 400],
    ['99999999u', 100_000],
    ['5000000n', 5],
  ] as const) {
    it(`takes a timeout of ${text}`, () => {
      const before = Date.now()
      expect(timeout(text)).to.be.within(before + ms - 0.01, Date.now() + ms)
    })
  }

  for (const text of ['', '1', 'S', '1s', '-1S', '1.5S', '123456789S', '1S ', ' 1S']) {
    it(`refuses a timeout of "${text}"`, () => expect(() => timeout(text)).to.throw('grpc-timeout: must be digits'))
  }

  it('has no deadline when the caller names none', () => {
    expect(deadlineOf(new Map())).to.equal(undefined)
  })

  it('percent-encodes everything but printable ASCII, and the percent sign', () => {
    const { 'grpc-message': message } = Object.fromEntries(
      statusTrailers({ code: 3, details: '100 % caf\u00e9\n\u{1f600}~', metadata: new Metadata() }),
    )
    expect(message).to.equal('100 %25 caf%C3%A9%0A%F0%9F%98%80~')
    expect(decodeURIComponent(message as string)).to.equal('100 % caf\u00e9\n\u{1f600}~')
  })

  it('sends binary metadata in base64, and leaves out fields that are too long for clients', () => {
    const metadata = new Metadata()
    metadata.set('grpc-status-details-bin', Buffer.from([0xff, 0xfe]))
    const status = { code: 13, details: 'why', metadata }
    expect(Object.fromEntries(statusTrailers(status))).to.deep.equal({
      'grpc-status': '13',
      'grpc-message': 'why',
      'grpc-status-details-bin': '//4=',
    })
    expect(Object.fromEntries(statusTrailers({ ...status, details: 'x'.repeat(10_000) }))).to.deep.equal({
      'grpc-status': '13',
      'grpc-status-details-bin': '//4=',
    })
    metadata.set('grpc-status-details-bin', Buffer.alloc(10_000))
    metadata.set('x-request-id', 'mine')
    expect(Object.fromEntries(statusTrailers(status))).to.deep.equal({
      'grpc-status': '13',
      'grpc-message': 'why',
      'x-request-id': 'mine',
    })
  })

  it('ends a call that succeeded with its request id, and a request that is not gRPC with an HTTP status', () => {
    expect(okTrailers('mine')).to.deep.equal([
      ['grpc-status', '0'],
      ['x-request-id', 'mine'],
    ])
    expect(httpStatus(415)).to.deep.equal([[':status', '415']])
  })
})
