import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { type BoxPurpose, boxGeneration, openBox, sealBox } from '../../../src/frontend/crypto/box.js'
import { contextHash } from '../../../src/frontend/crypto/context.js'
import { deriveKeys, labels } from '../../../src/frontend/crypto/derive.js'
import { HmacKey } from '../../../src/frontend/crypto/hmac.js'
import { randomSource } from '../../../src/frontend/crypto/random.js'
import { bitFlips, bothSuites, forge, macsIn, reasonOf, scripted } from './fixtures.js'
import { group, hex, reasonFor, runAll, type Vector } from './vectors.js'

function termsOf({ key, purpose, gen, ctx }: Vector) {
  const box = { key: new HmacKey(hex(key)), purpose: purpose as BoxPurpose, generation: gen }
  return { ...box, contextHash: contextHash(hex(ctx)), readSuites: bothSuites }
}

const random = randomSource()
const terms = {
  key: new HmacKey(randomBytes(32)),
  purpose: 'entry',
  generation: 7,
  contextHash: randomBytes(32),
  readSuites: bothSuites,
} as const

describe('box', () => {
  it('agrees with the vectors, opening and sealing', () => {
    runAll(group('Box'), 19, (test) => {
      const expected = termsOf(test)
      const box = hex(test['box'])
      if (test.result === 'invalid') {
        return expect(reasonOf(() => openBox(expected, box))).to.equal(reasonFor(test['error']))
      }
      expect(openBox(expected, box).toString('hex')).to.equal(test['msg'])
      const sealed = sealBox({ ...expected, suite: test['suite'] }, hex(test['msg']), scripted(hex(test['salt'])))
      expect(sealed.toString('hex')).to.equal(test['box'])
      const keys = deriveKeys(expected.key, { ...expected, label: labels.box, head: box.subarray(0, 40) })
      expect([keys.commitment, keys.aeadKey]).to.deep.equal([hex(test['commitment']), hex(test['aeadKey'])])
      return undefined
    })
  })

  it('round-trips in both suites', () => {
    const plain = fc.uint8Array({ maxLength: 300 })
    fc.assert(
      fc.property(plain, fc.constantFrom(...bothSuites), (bytes, suite) => {
        const box = sealBox({ ...terms, suite }, Buffer.from(bytes), random)
        return box.length === bytes.length + 88 && openBox(terms, box).equals(Buffer.from(bytes))
      }),
    )
  })

  for (const suite of bothSuites) {
    it(`opens with no bit flipped, suite ${suite}: the first 72 bytes are a wrong key, the others damage`, () => {
      const box = sealBox({ ...terms, suite }, Buffer.from('short secret'), random)
      for (const { bit, flipped } of bitFlips(box)) {
        const expected = bit < 72 * 8 ? 'RECORD_KEY_MISMATCH' : 'RECORD_CORRUPT'
        expect(
          reasonOf(() => openBox(terms, flipped)),
          `bit ${bit}`,
        ).to.equal(expected)
      }
    })
  }

  it('opens with nothing cut or added', () => {
    const box = sealBox({ ...terms, suite: 1 }, Buffer.from('short secret'), random)
    for (let length = 0; length < box.length; length++) {
      const expected = length < 88 ? 'RECORD_KEY_MISMATCH' : 'RECORD_CORRUPT'
      expect(reasonOf(() => openBox(terms, box.subarray(0, length)))).to.equal(expected)
    }
    expect(reasonOf(() => openBox(terms, Buffer.concat([box], box.length + 1)))).to.equal('RECORD_CORRUPT')
  })

  it('opens under no other key, context, purpose, generation or suite list, at the same cost', () => {
    const box = sealBox({ ...terms, suite: 1 }, Buffer.from('short secret'), random)
    const others = [
      { key: new HmacKey(randomBytes(32)) },
      { contextHash: randomBytes(32) },
      { purpose: 'userId' },
      { generation: 8 },
      { readSuites: [2] },
    ] as const
    for (const other of others) {
      const open = () => openBox({ ...terms, ...other }, box)
      expect(reasonOf(open)).to.equal('RECORD_KEY_MISMATCH')
      expect(macsIn(open)).to.equal(2)
    }
    expect(macsIn(() => openBox(terms, Buffer.alloc(0)))).to.equal(2)
    expect(macsIn(() => openBox(terms, box))).to.equal(2)
  })

  it('refuses fields out of the format even under the right key and commitment', () => {
    const head = sealBox({ ...terms, suite: 1 }, Buffer.alloc(1), random).subarray(0, 40)
    const forged = (at: number, byte: number) => {
      const changed = Buffer.from(head)
      changed[at] = byte
      return forge(terms.key, { ...terms, label: labels.box, head: changed }, Buffer.from('forged'))
    }
    expect(openBox(terms, forged(1, 1)).toString()).to.equal('forged')
    const outOfFormat = [
      [0, 0],
      [0, 2],
      [1, 0],
      [1, 3],
      [2, 3],
      [3, 1],
      [3, 128],
      [7, 8],
    ] as const
    for (const [at, byte] of outOfFormat) {
      expect(
        reasonOf(() => openBox(terms, forged(at, byte))),
        `byte ${at} is ${byte}`,
      ).to.equal('RECORD_KEY_MISMATCH')
    }
  })

  it('is not fooled by any bytes', () => {
    const starts = ['', '01', '01010500', '0101050000000007', '0102050000000007'].map(hex)
    fc.assert(
      fc.property(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 200 }), (start, tail) => {
        const bytes = Buffer.concat([start, Buffer.from(tail)])
        boxGeneration(bytes)
        return reasonOf(() => openBox(terms, bytes)) === 'RECORD_KEY_MISMATCH'
      }),
      { numRuns: 500 },
    )
  })

  it('tells the generation it claims, to look the key up', () => {
    const box = sealBox({ ...terms, suite: 2, generation: 0xfffffffe }, Buffer.alloc(0), random)
    expect(boxGeneration(box)).to.equal(0xfffffffe)
    expect(boxGeneration(box.subarray(1))).to.equal(undefined)
  })

  it('seals nothing out of its format', () => {
    const seal = (changes: object) => () => sealBox({ ...terms, suite: 1, ...changes }, Buffer.alloc(1), random)
    for (const changes of [{ suite: 0 }, { suite: 3 }, { generation: -1 }, { generation: 2 ** 32 }]) {
      expect(reasonOf(seal(changes))).to.equal('INTERNAL')
    }
    expect(reasonOf(seal({ contextHash: Buffer.alloc(31) }))).to.equal('INTERNAL')
  })
})
