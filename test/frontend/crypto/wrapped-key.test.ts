import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { VaultError } from '../../../src/core/errors.js'
import {
  encodeWrappedKey,
  type Provider,
  parseWrappedKey,
  providers,
} from '../../../src/frontend/crypto/wrapped-key.js'
import { bitFlips, reasonOf } from './fixtures.js'
import { group, hex, runAll } from './vectors.js'

/** The one property of a strict parser: what it accepts, it would have written itself. */
function refusedOrCanonical(frame: Buffer): boolean {
  try {
    return encodeWrappedKey(parseWrappedKey(frame)).equals(frame)
  } catch (error) {
    return error instanceof VaultError && error.reason === 'RECORD_KEY_MISMATCH'
  }
}

describe('wrapped key', () => {
  it('agrees with the vectors', () => {
    runAll(group('WrappedUserKey'), 9, ({ provider, keyRef, keyVersion, ciphertext, wrapped, result, error }) => {
      if (result === 'invalid') return expect(reasonOf(() => parseWrappedKey(hex(wrapped)))).to.equal(error)
      const parts = { provider, keyRef, keyVersion, ciphertext: hex(ciphertext) }
      expect(parseWrappedKey(hex(wrapped))).to.deep.equal(parts)
      expect(encodeWrappedKey(parts).toString('hex')).to.equal(wrapped)
      return undefined
    })
  })

  it('round-trips', () => {
    const parts = fc.record({
      provider: fc.constantFrom<Provider>(1, 2),
      keyRef: fc.string({ unit: 'grapheme', maxLength: 60 }),
      keyVersion: fc.nat({ max: 0xffffffff }),
      ciphertext: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    })
    fc.assert(
      fc.property(
        parts,
        (given) => expect(parseWrappedKey(encodeWrappedKey(given))).to.deep.equal(given) !== undefined,
      ),
    )
  })

  it('refuses or reads exactly: every bit flipped, every cut, trailing bytes', () => {
    const frame = encodeWrappedKey({ provider: 1, keyRef: 'kek', keyVersion: 3, ciphertext: randomBytes(120) })
    for (const { bit, flipped } of bitFlips(frame)) expect(refusedOrCanonical(flipped), `bit ${bit}`).to.equal(true)
    for (let length = 0; length < frame.length; length++) {
      expect(reasonOf(() => parseWrappedKey(frame.subarray(0, length)))).to.equal('RECORD_KEY_MISMATCH')
    }
    for (const more of [1, 2, 65536]) {
      const longer = Buffer.concat([frame], frame.length + more)
      expect(reasonOf(() => parseWrappedKey(longer))).to.equal('RECORD_KEY_MISMATCH')
    }
  })

  it('is not fooled by any bytes', () => {
    const start = fc.constantFrom('', '01', '0101', '01010000', '01030000', '0101ffff', '010100036b656b00000003ffff')
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 64 }), (head, tail) =>
        refusedOrCanonical(Buffer.concat([hex(head), Buffer.from(tail)])),
      ),
      { numRuns: 1000 },
    )
  })

  it('refuses a key ref that is not UTF-8 and a cloud key with a version', () => {
    expect(reasonOf(() => parseWrappedKey(hex('01010001ff000000030000')))).to.equal('RECORD_KEY_MISMATCH')
    expect(reasonOf(() => parseWrappedKey(hex('0103000161000000030000')))).to.equal('RECORD_KEY_MISMATCH')
  })

  it('writes no frame it would not read', () => {
    const good = { provider: providers.local, keyRef: 'kek', keyVersion: 3, ciphertext: Buffer.alloc(8) } as const
    const bad = [
      { ...good, keyRef: '\ud800' },
      { ...good, keyRef: 'x'.repeat(65536) },
      { ...good, keyVersion: 2 ** 32 },
      { ...good, keyVersion: 1.5 },
      { ...good, provider: 3 } as const,
      { ...good, provider: 9 as Provider },
      { ...good, ciphertext: Buffer.alloc(65536) },
    ]
    for (const parts of bad) expect(reasonOf(() => encodeWrappedKey(parts))).to.equal('INTERNAL')
  })
})
