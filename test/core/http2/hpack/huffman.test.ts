import { expect } from 'chai'
import { huffmanDecode } from '../../../../src/core/http2/hpack/huffman.js'
import { CompressionError } from '../../../../src/core/http2/protocol.js'

/** The codes of the bytes 0 to 255 from RFC 7541 Appendix B in a row, then padding. */
const allSymbols =
  'ffc7fffd8fffffe2fffffe3fffffe4fffffe5fffffe6fffffe7fffffe8ffffeafffffff3fffffa7fffffabffffffdfffffebfffffecfffff' +
  'edfffffeefffffefffffff0ffffff1ffffff2fffffffbfffffcffffffd3fffffd7fffffdbfffffdffffffe3fffffe7fffffebfffffed4fe3' +
  'f9ffaffcabf1febfafefe7fdfd2cbb00089969b71d79fb9f7fff20ffbff3ff50ddbd7f061c58f265cd9f469d5af66dddbf871e5f9cff7ff7' +
  'fffc3ff9ffe45fff4719242cb34e6e9d68a6a3d7dac426defe3cfaf7fffbfe7ffbffdffffffcfffe6ffff4bfff9ffffa3fffd3ffff53fffd' +
  '5ffffb3fffeb7fffdaffffb7ffff73fffeeffffdeffffebffffbfffffd9ffffdbfffebffffe0ffffeeffffc3ffff8bffff1ffffe4fffee7f' +
  'ffb1ffff97fffd9ffffcdffff9fffffbffffdafffeeffff4ffffb7fffee7fffe8ffffd3fffdeffffd5fffeeffffbdffffe1fffdfffff7fff' +
  'ff5ffffecffff07fff87fffe0ffff17fffedffff87ffff77fffeffffeaffff8bfffe3ffff93ffff87fffcbffff37ffff1fffff83ffffe1ff' +
  'febfffe3ffff3fffff2ffffa3ffffd9fffff17ffffc7fffff27ffffdefffffbffffff2fffff8fffffb7fff97fff8fffffe6fffffc1fffff8' +
  '7ffffe7fffffc5ffffe5fffe4ffff2fffffd1fffff4ffffffefffffe3fffffc9fffff97fffb3ffffcffffb7fffcdffff4ffff9ffffd1ffff' +
  'cffffeaffffafffffddffffeffffff4fffff5fffffabffffa7ffffd7fffff9bffffecfffffb7fffff3fffffe8fffffd3fffffabfffff5fff' +
  'ffff7ffffecfffffdbfffffbbfffff7ffffff0fffffbbf'

/** Bits as text, padded with ones to whole bytes. */
function decode(bits: string, padding = '1'): string {
  const whole = bits.replaceAll(' ', '').padEnd(8 * Math.ceil(bits.replaceAll(' ', '').length / 8), padding)
  const bytes = Buffer.from((whole.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
  return huffmanDecode(bytes, 0, bytes.length)
}

describe('hpack Huffman decoder', () => {
  it('decodes every symbol', () => {
    const bytes = Buffer.from(allSymbols, 'hex')
    expect(huffmanDecode(bytes, 0, bytes.length)).to.equal(Buffer.from([...Array(256).keys()]).toString('latin1'))
  })

  it('reads only between its bounds', () => {
    const bytes = Buffer.from('ffa8eb10649cbf00', 'hex')
    expect(huffmanDecode(bytes, 1, 7)).to.equal('no-cache')
    expect(huffmanDecode(bytes, 3, 3)).to.equal('')
  })

  it('accepts padding of up to seven ones', () => {
    for (let length = 1; length <= 8; length++) {
      expect(decode('00011'.repeat(length))).to.equal('a'.repeat(length))
    }
  })

  it('refuses padding with a zero', () => {
    expect(() => decode('00011', '0')).to.throw(CompressionError)
    expect(() => decode('00011110')).to.throw(CompressionError)
    expect(() => decode('00011011')).to.throw(CompressionError)
  })

  it('refuses padding of a byte or more', () => {
    expect(() => decode('11111111')).to.throw(CompressionError)
    expect(() => decode('00011 11111111111')).to.throw(CompressionError)
    expect(() => decode('11111100 11111111')).to.throw(CompressionError)
  })

  it('refuses the end-of-string symbol at any place', () => {
    const end = '1'.repeat(30)
    for (const before of ['', '00011', '010100', '1011100', '11111100']) {
      expect(() => decode(before + end)).to.throw(CompressionError)
      expect(() => decode(`${before}${end}00011`)).to.throw(CompressionError)
    }
  })

  it('decodes a long string', () => {
    for (const length of [5, 5120, 5125, 100_000]) {
      expect(huffmanDecode(Buffer.alloc(length), 0, length)).to.equal('0'.repeat((length * 8) / 5))
    }
  })
})
