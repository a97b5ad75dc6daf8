import { createHash, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { expect } from 'chai'
import fc from 'fast-check'
import { HmacKey } from '../../../src/frontend/crypto/hmac.js'
import { encodeToken, parseToken, type TokenMode } from '../../../src/frontend/crypto/token.js'
import { reasonOf, thrownBy } from './fixtures.js'
import { group, hex, reasonFor, runAll } from './vectors.js'

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
const probe = Buffer.from('probe')
const text = encodeToken({ mode: 3, keyId: randomBytes(16), rk: randomBytes(32) })

/** The payload's bits, five to a symbol, by another way than the code's. */
function spell(payload: Buffer): string {
  const bits = [...payload].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return `rvk1_${bits.replace(/.{5}/g, (five) => alphabet[Number.parseInt(five, 2)]!)}`
}

describe('token', () => {
  it('agrees with the vectors', () => {
    runAll(group('Token'), 14, ({ token, mode, keyId, rk, result, error }) => {
      if (result === 'invalid') return expect(reasonOf(() => parseToken(token))).to.equal(reasonFor(error))
      const parsed = parseToken(token)
      expect([parsed.mode, parsed.keyId.toString('hex')]).to.deep.equal([mode, keyId])
      expect(parsed.key.mac(probe)).to.deep.equal(new HmacKey(hex(rk)).mac(probe))
      expect(encodeToken({ mode, keyId: hex(keyId), rk: hex(rk) })).to.equal(token)
      return undefined
    })
  })

  it('round-trips any key, spelt as RFC 4648 has it', () => {
    const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size }).map((b) => Buffer.from(b))
    fc.assert(
      fc.property(fc.constantFrom(1, 3), bytes(16), bytes(32), (mode, keyId, rk) => {
        const token = encodeToken({ mode: mode as TokenMode, keyId, rk })
        const body = Buffer.concat([Buffer.of(mode), keyId, rk])
        const check = createHash('sha256').update('rvk1_').update(body).digest().subarray(0, 6)
        const parsed = parseToken(token)
        expect(token).to.equal(spell(Buffer.concat([body, check])))
        expect([parsed.mode, parsed.keyId]).to.deep.equal([mode, keyId])
        expect(parsed.key.mac(probe)).to.deep.equal(new HmacKey(rk).mac(probe))
      }),
    )
  })

  it('refuses every other symbol at every place', () => {
    for (let at = 0; at < text.length; at++) {
      for (const symbol of `${alphabet}A=10 \n\u0131\u017f-`) {
        const changed = text.slice(0, at) + symbol + text.slice(at + 1)
        if (changed !== text) expect(reasonOf(() => parseToken(changed))).to.equal('INVALID_REQUEST')
      }
    }
  })

  it('refuses any other text, with an error that quotes none of it', () => {
    const around = [` ${text}`, `${text} `, `${text}\n`, `\n${text}`, text + text, text.toUpperCase(), text.slice(5)]
    for (const bad of around) {
      const error = thrownBy(() => parseToken(bad))
      expect(error.fields.map(({ field }) => field)).to.deep.equal(['record_key'])
      expect(error.message).to.match(/^record_key: is not a record key: /)
      expect(JSON.stringify(error) + inspect(error)).to.not.contain(text.slice(5))
    }
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (bad) => reasonOf(() => parseToken(bad)) === 'INVALID_REQUEST'),
    )
    const symbols = fc.array(fc.constantFrom(...alphabet), { minLength: 88, maxLength: 88 })
    fc.assert(fc.property(symbols, (bad) => reasonOf(() => parseToken(`rvk1_${bad.join('')}`)) === 'INVALID_REQUEST'))
    expect(reasonOf(() => parseToken('rvk1_'.repeat(1e6)))).to.equal('INVALID_REQUEST')
  })

  it('prints no key once parsed, and makes no token for mode server', () => {
    const rk = Buffer.alloc(32, 0x41)
    const shown = inspect(parseToken(encodeToken({ mode: 1, keyId: Buffer.alloc(16), rk })), {
      depth: 9,
      showHidden: true,
    })
    expect(shown).to.not.match(/41 41|AAAA/)
    const bad = [
      { mode: 2 as TokenMode, keyId: Buffer.alloc(16), rk },
      { mode: 1, keyId: Buffer.alloc(15), rk } as const,
      { mode: 1, keyId: Buffer.alloc(16), rk: Buffer.alloc(33) } as const,
    ]
    for (const parts of bad) expect(reasonOf(() => encodeToken(parts))).to.equal('INTERNAL')
  })
})
