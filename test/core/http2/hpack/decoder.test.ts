import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import { HpackDecoder } from '../../../../src/core/http2/hpack/decoder.js'
import { CompressionError } from '../../../../src/core/http2/protocol.js'

const maxListBytes = 8192

/** One decoder for consecutive blocks. */
function reader(limit = maxListBytes) {
  const decoder = new HpackDecoder({ maxListBytes: limit })
  return (hex: string) => decoder.decode(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'))
}

const read = (hex: string) => reader()(hex)
const refused = (hex: string) => expect(() => read(hex), hex).to.throw(CompressionError)
const hexOf = (text: string) => Buffer.from(text, 'latin1').toString('hex')

const get = (path: string, scheme = 'http') => [':method', 'GET', ':scheme', scheme, ':path', path]
const authority = [':authority', 'www.example.com']

describe('hpack decoder', () => {
  describe('the examples of RFC 7541 Appendix C', () => {
    it('single fields (C.2)', () => {
      expect(read('400a 637573746f6d2d6b6579 0d 637573746f6d2d686561646572')).to.deep.equal([
        'custom-key',
        'custom-header',
      ])
      expect(read('040c 2f73616d706c652f70617468')).to.deep.equal([':path', '/sample/path'])
      expect(read('1008 70617373776f7264 06 736563726574')).to.deep.equal(['password', 'secret'])
      expect(read('82')).to.deep.equal([':method', 'GET'])
    })

    const requests = [
      [...get('/'), ...authority],
      [...get('/'), ...authority, 'cache-control', 'no-cache'],
      [...get('/index.html', 'https'), ...authority, 'custom-key', 'custom-value'],
    ]

    it('requests (C.3)', () => {
      const next = reader()
      expect(next('828684 410f 7777772e6578616d706c652e636f6d')).to.deep.equal(requests[0])
      expect(next('828684be 5808 6e6f2d6361636865')).to.deep.equal(requests[1])
      expect(next('828785bf 400a 637573746f6d2d6b6579 0c 637573746f6d2d76616c7565')).to.deep.equal(requests[2])
    })

    it('requests in Huffman code (C.4)', () => {
      const next = reader()
      expect(next('828684 418c f1e3c2e5f23a6ba0ab90f4ff')).to.deep.equal(requests[0])
      expect(next('828684be 5886 a8eb10649cbf')).to.deep.equal(requests[1])
      expect(next('828785bf 4088 25a849e95ba97d7f 89 25a849e95bb8e8b4bf')).to.deep.equal(requests[2])
    })

    const location = ['location', 'https://www.example.com']
    const date = 'Mon, 21 Oct 2013 20:13:21 GMT'
    const later = 'Mon, 21 Oct 2013 20:13:22 GMT'
    const cookie = 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'
    const responses = [
      [':status', '302', 'cache-control', 'private', 'date', date, ...location],
      [':status', '307', 'cache-control', 'private', 'date', date, ...location],
      [
        ...[':status', '200', 'cache-control', 'private', 'date', later, ...location],
        ...['content-encoding', 'gzip', 'set-cookie', cookie],
      ],
    ]
    /** The examples with evictions use a table of 256 bytes. */
    const tableOf256 = '3fe101'

    it('responses, with evictions (C.5)', () => {
      const next = reader()
      const first = `4803 333032 5807 70726976617465 611d ${hexOf(date)} 6e17 ${hexOf('https://www.example.com')}`
      expect(next(tableOf256 + first)).to.deep.equal(responses[0])
      expect(next('4803 333037 c1c0bf')).to.deep.equal(responses[1])
      expect(next(`88c1 611d ${hexOf(later)} c0 5a04 677a6970 7738 ${hexOf(cookie)}`)).to.deep.equal(responses[2])
    })

    it('responses in Huffman code, with evictions (C.6)', () => {
      const next = reader()
      const first =
        '4882 6402 5885 aec3771a4b 6196 d07abe941054d444a8200595040b8166e082a62d1bff 6e91 9d29ad171863c78f0b97c8e9ae82ae43d3'
      expect(next(tableOf256 + first)).to.deep.equal(responses[0])
      expect(next('4883 640eff c1c0bf')).to.deep.equal(responses[1])
      const third =
        '88c1 6196 d07abe941054d444a8200595040b8166e084a62d1bff c0 5a83 9bd9ab ' +
        '77ad 94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007'
      expect(next(third)).to.deep.equal(responses[2])
    })
  })

  it('lists literals that do not enter the table (6.2.2, 6.2.3)', () => {
    const next = reader()
    expect(next('00 0161 0162 10 0163 0164')).to.deep.equal(['a', 'b', 'c', 'd'])
    expect(() => next('be')).to.throw(CompressionError)
  })

  it('reads bytes as latin1, and empty strings', () => {
    expect(read('00 01ff 02fe00 00 00 00 00 80 80')).to.deep.equal(['\u00ff', '\u00fe\0', '', '', '', ''])
  })

  it('reads an empty block as an empty list', () => {
    expect(read('')).to.deep.equal([])
  })

  it('returns a list that does not depend on the block', () => {
    const block = Buffer.from('400161026263', 'hex')
    const decoder = new HpackDecoder({ maxListBytes })
    const list = decoder.decode(block)
    block.fill(0)
    expect(list).to.deep.equal(['a', 'bc'])
    expect(decoder.decode(Buffer.from('be', 'hex'))).to.deep.equal(['a', 'bc'])
  })

  describe('integers (5.1)', () => {
    it('of several bytes', () => {
      for (const [length, bytes] of Object.entries({
        126: '7e',
        127: '7f00',
        128: '7f01',
        254: '7f7f',
        255: '7f8001',
      })) {
        const value = 'v'.repeat(Number(length))
        expect(read(`04 ${bytes} ${hexOf(value)}`)).to.deep.equal([':path', value])
      }
    })

    it('with a prefix of every width', () => {
      expect(read('0f00 00')).to.deep.equal(['accept-charset', ''])
      expect(read('0f2e 00')).to.deep.equal(['www-authenticate', ''])
      expect(read('7d 00')).to.deep.equal(['www-authenticate', ''])
      expect(read('bd')).to.deep.equal(['www-authenticate', ''])
    })

    it('of up to four bytes behind the prefix, redundant ones too', () => {
      expect(read('0f80808000 00')).to.deep.equal(['accept-charset', ''])
      refused('0f8080808000 00')
    })

    it('that are too large are refused', () => {
      refused('04 7fffffff7f')
      refused('04 7fffffffff0f')
      refused('04 7f8180808010')
      refused('04 7fffffffffffffffffff7f')
      refused('ffffffff7f')
      refused(`04 7f${'80'.repeat(5000)}`)
    })

    it('that are incomplete are refused', () => {
      for (const block of ['7f', 'ff', 'ff80', '0f', '3f', '04 7f', '04 ff80']) refused(block)
    })
  })

  describe('malformed blocks', () => {
    it('index 0, or an index beyond the tables', () => {
      for (const block of ['80', 'be', 'ff00', '7e00', 'ff01', '7f0000', '0f3000', '1f3000']) refused(block)
      expect(reader()('400161 0162 be')).to.deep.equal(['a', 'b', 'a', 'b'])
      refused('400161 0162 bf')
    })

    it('an incomplete string', () => {
      for (const block of ['00', '0001', '000161', '00016101', '0002 6100', '04', '40', '4001']) {
        refused(block)
      }
    })

    it('Huffman code with invalid padding', () => {
      refused('04 84 ffffffff')
      refused('04 81 ff')
      refused('04 81 18')
    })

    it('every truncated block that does not end after a field', () => {
      const block = '828684 418c f1e3c2e5f23a6ba0ab90f4ff 5808 6e6f2d6361636865'.replaceAll(' ', '')
      const ends = new Set([0, 2, 4, 6, 34, 54])
      for (let end = 0; end <= block.length; end += 2) {
        if (ends.has(end)) expect(read(block.slice(0, end))).to.be.an('array')
        else refused(block.slice(0, end))
      }
    })
  })

  describe('size updates (6.3)', () => {
    it('evict entries, and apply to later blocks', () => {
      const next = reader()
      next('400161 0162 400163 0164')
      expect(next('3f05 be')).to.deep.equal(['c', 'd'])
      expect(() => next('bf')).to.throw(CompressionError)
      expect(next('400165 0166 be')).to.deep.equal(['e', 'f', 'e', 'f'])
    })

    it('to 0 and back, at the beginning of a block', () => {
      const next = reader()
      next('400161 0162')
      expect(next('20 3fe11f 400163 0164 be')).to.deep.equal(['c', 'd', 'c', 'd'])
      expect(() => next('bf')).to.throw(CompressionError)
    })

    it('up to 4096', () => {
      expect(read('3fe11f')).to.deep.equal([])
      refused('3fe21f')
      refused('3fffffff7f')
    })

    it('only before the first field', () => {
      refused('82 20')
      refused('82 20 0161 0162')
      refused('000161 0162 3fe11f')
    })

    it('a name may refer to an entry that its field evicts (4.4)', () => {
      const next = reader()
      const long = 'v'.repeat(40)
      next(`3f21 40 0161 17 ${hexOf('v'.repeat(23))}`)
      expect(next(`7e 1c ${hexOf(long.slice(0, 28))} be`)).to.deep.equal([
        'a',
        long.slice(0, 28),
        'a',
        long.slice(0, 28),
      ])
    })

    it('a field larger than the table empties it, and is listed', () => {
      const next = reader()
      next('3f05 400161 0162')
      const long = 'v'.repeat(60)
      expect(next(`400163 3c ${hexOf(long)}`)).to.deep.equal(['c', long])
      expect(() => next('be')).to.throw(CompressionError)
    })
  })

  describe('lists that are too large', () => {
    it('a field counts as its name, its value and 32 (RFC 9113 6.5.2)', () => {
      expect(reader(34)('000161 0162')).to.deep.equal(['a', 'b'])
      expect(reader(33)('000161 0162')).to.equal(undefined)
      expect(reader(84)('8282')).to.deep.equal([':method', 'GET', ':method', 'GET'])
      expect(reader(83)('8282')).to.equal(undefined)
    })

    it('are refused though a small field would still fit', () => {
      expect(reader(100)(`00 0161 7f00 ${hexOf('v'.repeat(127))} 82`)).to.equal(undefined)
    })

    it('update the table', () => {
      const next = reader(100)
      expect(next(`82828282 400161 0162 40 0163 0164`)).to.equal(undefined)
      expect(next('bfbe')).to.deep.equal(['a', 'b', 'c', 'd'])
    })

    it('are refused when malformed beyond the limit', () => {
      expect(() => reader(34)('82828282 ff7f')).to.throw(CompressionError)
    })

    it('CVE-2016-6581 (HPACK bomb): cost no more than the length of their block', () => {
      const decoder = new HpackDecoder({ maxListBytes })
      const large = 'v'.repeat(4000)
      decoder.decode(Buffer.from(`400161 7fa11e ${hexOf(large)}`.replaceAll(' ', ''), 'hex'))
      const bomb = Buffer.alloc(1 << 20, 0xbe)
      const before = process.memoryUsage().heapUsed
      expect(decoder.decode(bomb)).to.equal(undefined)
      expect(process.memoryUsage().heapUsed - before).to.be.below(4 << 20)
      expect(decoder.decode(bomb.subarray(0, 1))).to.deep.equal(['a', large])
    })
  })

  it('retains nothing of a block but its table', () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const held = () => {
      collect()
      const { heapUsed, arrayBuffers } = process.memoryUsage()
      return heapUsed + arrayBuffers
    }
    const large = Buffer.concat([Buffer.from('0001617fc1990c', 'hex'), Buffer.alloc(200_000, 'v')])
    const decoders = Array.from({ length: 50 }, () => new HpackDecoder({ maxListBytes }))
    const before = held()
    for (const decoder of decoders) decoder.decode(large)
    expect(held() - before).to.be.below(2 << 20)
    for (const decoder of decoders) expect(decoder.decode(Buffer.from('82', 'hex'))).to.deep.equal([':method', 'GET'])
  })
})
