import { expect } from 'chai'
import { HpackDecoder } from '../../../../src/core/http2/hpack/decoder.js'
import { encodeFields } from '../../../../src/core/http2/hpack/encoder.js'
import { staticEntries, staticTable } from '../../../../src/core/http2/hpack/static-table.js'

const hex = (name: string, value: string) => encodeFields([[name, value]]).toString('hex')
const latin1 = (name: string, value: string) => encodeFields([[name, value]]).toString('latin1')

describe('hpack encoder', () => {
  it('uses the index of a field in the static table', () => {
    expect(hex(':status', '200')).to.equal('88')
    expect(hex(':status', '500')).to.equal('8e')
    expect(hex('www-authenticate', '')).to.equal('bd')
  })

  it('finds every entry of the static table', () => {
    for (let entry = 1; entry <= staticEntries; entry += 1) {
      const [name, value] = staticTable.slice(2 * entry) as [string, string]
      expect(hex(name, value), name).to.equal((0x80 + entry).toString(16))
    }
  })

  it('uses the index of a name in the static table (RFC 7541 C.2.2)', () => {
    expect(hex(':path', '/sample/path')).to.equal('040c2f73616d706c652f70617468')
    expect(hex(':status', '405')).to.equal('0803343035')
    expect(latin1('content-type', 'application/grpc')).to.equal('\x0f\x10\x10application/grpc')
  })

  it('writes a name that is in no table', () => {
    expect(latin1('grpc-status', '0')).to.equal('\x00\x0bgrpc-status\x010')
  })

  it('writes fields one after the other', () => {
    expect(
      encodeFields([
        [':status', '200'],
        ['a', 'b'],
      ]).toString('hex'),
    ).to.equal('8800016101 62'.replace(' ', ''))
    expect(encodeFields([])).to.have.length(0)
  })

  it('writes fields that the decoder reads, and adds no entry to its table', () => {
    const decoder = new HpackDecoder({ maxListBytes: 1 << 20 })
    for (const length of [0, 1, 126, 127, 128, 254, 255, 256, 16_000]) {
      const value = '\xe9'.repeat(length)
      for (const name of ['name', 'accept', 'www-authenticate', value]) {
        expect(decoder.decode(encodeFields([[name, value.slice(name.length)]]))).to.eql([
          name,
          value.slice(name.length),
        ])
      }
    }
    expect(() => decoder.decode(Buffer.from([0x80 + 62]))).to.throw('an index beyond the tables')
  })

  it('refuses a block that does not fit a frame', () => {
    expect(encodeFields([['a', 'v'.repeat(16_300)]])).to.have.length.below(16_385)
    expect(() => encodeFields([['a', 'v'.repeat(16_384)]])).to.throw(RangeError)
  })
})
