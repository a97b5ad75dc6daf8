import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { bloomFilter } from '../../../../src/backend/engines/level/bloom-filter.js'

const keys = (count: number) => Array.from({ length: count }, () => randomBytes(72))

describe('bloomFilter', () => {
  it('may contain every key that was added', () => {
    const known = bloomFilter()
    const added = keys(100_000)
    for (const key of added) known.add(key)
    known.markComplete()
    expect(added.filter((key) => !known.mayContain(key))).to.deep.equal([])
  })

  it('rules out nearly every other key', () => {
    const known = bloomFilter()
    for (const key of keys(100_000)) known.add(key)
    known.markComplete()
    expect(keys(10_000).filter(known.mayContain).length).to.be.lessThan(10)
  })

  it('rules out no key until it is complete', () => {
    const known = bloomFilter()
    const [key] = keys(1) as [Buffer]
    expect(known.mayContain(key)).to.equal(true)
    known.markComplete()
    expect(known.mayContain(key)).to.equal(false)
  })

  it('distinguishes keys by each of their last 16 bytes', () => {
    const known = bloomFilter()
    known.markComplete()
    const [key] = keys(1) as [Buffer]
    known.add(key)
    for (let at = 56; at < 72; at += 4) {
      const other = Buffer.from(key)
      other[at + 3] = (other[at + 3] as number) ^ 0x80
      expect(known.mayContain(other), `byte ${at}`).to.equal(false)
    }
  })
})
