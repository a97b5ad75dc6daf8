import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { bloomFilter } from '../../../../src/backend/engines/level/bloom-filter.js'

const keys = (count: number) => Array.from({ length: count }, () => randomBytes(72))

describe('bloomFilter', () => {
  it('may contain every key that was added', () => {
    const filter = bloomFilter()
    const added = keys(100_000)
    for (const key of added) filter.add(key)
    filter.markComplete()
    expect(added.filter((key) => !filter.mayContain(key))).to.deep.equal([])
  })

  it('rules out nearly every other key', () => {
    const filter = bloomFilter()
    for (const key of keys(100_000)) filter.add(key)
    filter.markComplete()
    expect(keys(10_000).filter(filter.mayContain).length).to.be.lessThan(10)
  })

  it('rules out no key until it is complete', () => {
    const filter = bloomFilter()
    const [key] = keys(1) as [Buffer]
    expect(filter.mayContain(key)).to.equal(true)
    filter.markComplete()
    expect(filter.mayContain(key)).to.equal(false)
  })

  it('distinguishes keys by each of their last 16 bytes', () => {
    const filter = bloomFilter()
    filter.markComplete()
    const [key] = keys(1) as [Buffer]
    filter.add(key)
    for (let at = 56; at < 72; at += 4) {
      const other = Buffer.from(key)
      other[at + 3] = (other[at + 3] as number) ^ 0x80
      expect(filter.mayContain(other), `byte ${at}`).to.equal(false)
    }
  })
})
