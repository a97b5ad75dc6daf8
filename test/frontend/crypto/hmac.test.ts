import { createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { expect } from 'chai'
import fc from 'fast-check'
import { HmacKey, hkdfExpand, macEquals, takeKey } from '../../../src/frontend/crypto/hmac.js'
import { reasonOf } from './fixtures.js'
import { hex, runAll, testsOf, vectorFile } from './vectors.js'

const hmac = (key: Buffer, data: Buffer) => createHmac('sha256', key).update(data).digest()

describe('hmac', () => {
  const macTests = testsOf(vectorFile('hmac_sha256_test'))

  it('agrees with hmac_sha256_test', () => {
    const ofOurSize = macTests.filter(({ keySize }) => keySize === 256)
    runAll(ofOurSize, 162, ({ key, msg, tag, tagSize, result }) => {
      const mac = new HmacKey(hex(key)).mac(hex(msg)).subarray(0, tagSize / 8)
      expect(mac.toString('hex') === tag).to.equal(result === 'valid')
    })
  })

  it('refuses every other key size of hmac_sha256_test', () => {
    const others = macTests.filter(({ keySize }) => keySize !== 256)
    runAll(others, 12, ({ key }) => {
      expect(reasonOf(() => new HmacKey(hex(key)))).to.equal('INTERNAL')
    })
  })

  it('agrees with hkdf_sha256_test', () => {
    runAll(testsOf(vectorFile('hkdf_sha256_test')), 86, ({ ikm, salt, info, size, okm, result }) => {
      const expand = () => hkdfExpand(takeKey(hmac(hex(salt), hex(ikm))), [hex(info)], size)
      if (result === 'valid') expect(expand().toString('hex')).to.equal(okm)
      else expect(reasonOf(expand)).to.equal('INTERNAL')
    })
  })

  it('equals createHmac for any parts, however long', () => {
    const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })
    fc.assert(
      fc.property(bytes(32), fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }), (key, arrays) => {
        const parts = arrays.map((part) => Buffer.from(part))
        const ours = new HmacKey(Buffer.from(key))
        const expected = hmac(Buffer.from(key), Buffer.concat(parts))
        // Twice: nothing of the first message may be left in the blocks.
        const asText = Buffer.from(ours.publicMac(...parts), 'binary')
        return asText.equals(expected) && [1, 2].every(() => ours.mac(...parts).equals(expected))
      }),
    )
    const key = randomBytes(32)
    const reused = new HmacKey(key)
    for (let length = 300; length >= 0; length--) {
      const message = randomBytes(length)
      expect(reused.mac(message).equals(hmac(key, message)), `length ${length}`).to.equal(true)
    }
  })

  it('expands like hkdfSync', () => {
    const [salt, secret, info] = [randomBytes(32), randomBytes(32), randomBytes(90)]
    const key = takeKey(hmac(salt, secret))
    for (const length of [1, 31, 32, 33, 64, 8160]) {
      const parts = [info.subarray(0, 40), info.subarray(40)]
      expect(hkdfExpand(key, parts, length)).to.deep.equal(Buffer.from(hkdfSync('sha256', secret, salt, info, length)))
    }
    for (const length of [0, -1, 1.5, 8161, Number.NaN]) {
      expect(reasonOf(() => hkdfExpand(key, [info], length))).to.equal('INTERNAL')
    }
  })

  it('prints, serialises and clones as nothing', () => {
    const secret = Buffer.alloc(32, 0x41)
    const key = new HmacKey(secret)
    const shown = [inspect(key, { showHidden: true, depth: 9 }), JSON.stringify(key), String(key)]
    expect(shown).to.deep.equal(['HmacKey {}', '{}', '[object Object]'])
    expect(structuredClone({ key })).to.deep.equal({ key: {} })
  })

  it('makes no mac once closed', () => {
    const key = new HmacKey(randomBytes(32))
    key.close()
    key.close()
    expect(reasonOf(() => key.mac(Buffer.from('x')))).to.equal('INTERNAL')
    expect(reasonOf(() => key.publicMac(Buffer.from('x')))).to.equal('INTERNAL')
  })

  it('takes over a key by wiping the bytes given', () => {
    const bytes = randomBytes(32)
    const expected = hmac(bytes, Buffer.from('x'))
    const key = takeKey(bytes)
    expect(bytes.equals(Buffer.alloc(32))).to.equal(true)
    expect(key.mac(Buffer.from('x')).equals(expected)).to.equal(true)
    expect(reasonOf(() => takeKey(Buffer.alloc(31)))).to.equal('INTERNAL')
  })

  it('may be for one call: the same, and wiped like any other', () => {
    const bytes = randomBytes(32)
    const expected = hmac(bytes, Buffer.from('x'))
    const keys = [HmacKey.brief(bytes), HmacKey.brief(bytes), takeKey(Buffer.from(bytes), { brief: true })]
    keys[0]?.close()
    for (const key of keys.slice(1)) expect(key.mac(Buffer.from('x')).equals(expected)).to.equal(true)
    expect(reasonOf(() => keys[0]?.mac(Buffer.from('x')))).to.equal('INTERNAL')
    expect(reasonOf(() => HmacKey.brief(Buffer.alloc(31)))).to.equal('INTERNAL')
  })

  it('compares macs of any length without throwing', () => {
    expect(macEquals(Buffer.from('same'), Buffer.from('same'))).to.equal(true)
    expect(macEquals(Buffer.from('same'), Buffer.from('sama'))).to.equal(false)
    expect(macEquals(Buffer.from('same'), Buffer.from('sam'))).to.equal(false)
  })
})
