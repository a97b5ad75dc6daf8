import { expect } from 'chai'
import { HpackDecoder } from '../../../../src/core/http2/hpack/decoder.js'
import { indexedField, literalField, literalWithName } from '../../../../src/core/http2/hpack/encoder.js'

describe('writing fields', () => {
  it('of the static table', () => {
    expect(indexedField(8).toString('hex')).to.equal('88')
    expect(indexedField(61).toString('hex')).to.equal('bd')
  })

  it('with a name of the static table (RFC 7541 C.2.2)', () => {
    expect(literalWithName(4, '/sample/path').toString('hex')).to.equal('040c2f73616d706c652f70617468')
    expect(literalWithName(31, 'application/grpc').toString('latin1')).to.equal('\x0f\x10\x10application/grpc')
  })

  it('with a name of its own', () => {
    expect(literalField('grpc-status', '0').toString('latin1')).to.equal('\x00\x0bgrpc-status\x010')
  })

  it('that are read as they were written, and keep no entry', () => {
    const decoder = new HpackDecoder({ maxListBytes: 1 << 20 })
    for (const length of [0, 1, 126, 127, 128, 254, 255, 256, 16_510, 16_511, 100_000]) {
      const value = '\xe9'.repeat(length)
      expect(decoder.decode(literalField('name', value))).to.deep.equal(['name', value])
      expect(decoder.decode(literalField(value, ''))).to.deep.equal([value, ''])
      for (const index of [14, 15, 16, 61]) {
        const [name] = decoder.decode(indexedField(index)) ?? []
        expect(decoder.decode(literalWithName(index, value))).to.deep.equal([name, value])
      }
    }
    expect(() => decoder.decode(indexedField(62))).to.throw('an index past the tables')
  })
})
