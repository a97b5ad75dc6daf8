import { createHash, randomFillSync } from 'node:crypto'
import { expect } from 'chai'
import { randomSource } from '../../../src/frontend/crypto/random.js'
import { identity, newUserKey, reasonOf, sealRecord } from './fixtures.js'

/** Pseudo-random blocks that repeat after `period` bytes. */
function periodic(period: number) {
  const once = Buffer.alloc(period)
  for (let at = 0; at < period; at += 32) createHash('sha256').update(`${at}`).digest().copy(once, at)
  return (block: Buffer) => block.fill(once)
}

const broken: Record<string, (block: Buffer) => unknown> = {
  zeros: (block) => block.fill(0),
  ones: (block) => block.fill(0xff),
  'does nothing': () => undefined,
  'fills half': (block) => randomFillSync(block, 0, block.length / 2),
  'repeats 20 bytes': periodic(20),
  'repeats 32 bytes': periodic(32),
  'repeats 1000 bytes': periodic(1000),
  throws: () => {
    throw new Error('no entropy')
  },
  'throws nothing': () => {
    throw undefined
  },
}

describe('random', () => {
  for (const [name, fill] of Object.entries(broken)) {
    it(`stops at a source that ${name}, for good`, () => {
      let works = false
      const random = randomSource((block) => (works ? randomFillSync(block) : fill(block)))
      expect(reasonOf(() => random.fill(Buffer.alloc(32)))).to.equal('INTERNAL')
      works = true
      expect(reasonOf(() => random.fill(Buffer.alloc(32)))).to.equal('INTERNAL')
    })
  }

  it('stops at a source that gives the same fill again, or breaks later', () => {
    const again = randomSource(periodic(4096))
    expect(again.fill(Buffer.alloc(4096))).to.have.length(4096)
    expect(reasonOf(() => again.fill(Buffer.alloc(1)))).to.equal('INTERNAL')
    let fills = 0
    const later = randomSource((block) => (fills++ < 2 ? randomFillSync(block) : block.fill(7)))
    for (let drawn = 0; drawn < 2; drawn++) later.fill(Buffer.alloc(4000))
    expect(reasonOf(() => later.fill(Buffer.alloc(4000)))).to.equal('INTERNAL')
  })

  it('wipes the pool before a refill, so that a refill that does nothing fails', () => {
    let fills = 0
    const random = randomSource((block) => (fills++ === 0 ? randomFillSync(block) : undefined))
    random.fill(Buffer.alloc(16))
    expect(reasonOf(() => random.fill(Buffer.alloc(4096)))).to.equal('INTERNAL')
  })

  it('encrypts nothing with a broken source', () => {
    const request = {
      ...identity,
      attributes: Buffer.alloc(0),
      userKey: newUserKey(),
      data: Buffer.from('secret'),
      suite: 1,
      chunkLog2: 16,
    } as const
    for (const fill of Object.values(broken)) {
      const random = randomSource(fill)
      for (const mode of [1, 2, 3] as const) {
        expect(reasonOf(() => sealRecord({ ...request, mode }, random))).to.equal('INTERNAL')
      }
    }
  })

  it('fills all of the memory it is given and nothing beside it, once, and keeps no copy', () => {
    let pool: Buffer = Buffer.alloc(0)
    const random = randomSource((block) => {
      pool = block
      return randomFillSync(block)
    })
    const memory = Buffer.alloc(96)
    const one = random.fill(memory.subarray(32, 64))
    const other = random.fill(Buffer.alloc(32))
    expect(memory.equals(Buffer.concat([Buffer.alloc(32), one, Buffer.alloc(32)]))).to.equal(true)
    expect(one.equals(other)).to.equal(false)
    expect(one.subarray(16).equals(Buffer.alloc(16))).to.equal(false)
    expect(one.buffer).to.not.equal(pool.buffer)
    expect(pool.subarray(0, 64).equals(Buffer.alloc(64))).to.equal(true)
    expect(pool.subarray(64, 128).equals(Buffer.alloc(64))).to.equal(false)
  })

  it('draws no bytes twice, across fills and for any length', () => {
    const random = randomSource()
    const seen = new Set<string>()
    for (let i = 0; i < 2000; i++) seen.add(random.fill(Buffer.alloc(16 + (i % 50))).toString('hex', 0, 16))
    expect(seen.size).to.equal(2000)
  })

  it('refuses a length that is none, and goes on', () => {
    const random = randomSource()
    for (const length of [0, 4097]) expect(reasonOf(() => random.fill(Buffer.alloc(length)))).to.equal('INTERNAL')
    expect(random.fill(Buffer.alloc(4096))).to.have.length(4096)
  })
})
