import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { bloomFilter } from '../../../../src/backend/engines/level/bloom-filter.js'

const keys = (count: number) => Array.from({ length: count }, () => randomBytes(72))

describe('known keys', () => {
  it('have every key that was added', () => {
    const known = bloomFilter()
    const added = keys(100_000)
    for (const key of added) known.add(key)
    known.markComplete()
    expect(added.filter((key) => !known.mayContain(key))).to.deep.equal([])
  })

  it('have hardly any other', () => {
    const known = bloomFilter()
    for (const key of keys(100_000)) known.add(key)
    known.markComplete()
    expect(keys(10_000).filter(known.mayContain).length).to.be.lessThan(10)
  })

  it('may have any key until they are complete', () => {
    const known = bloomFilter()
    const [key] = keys(1) as [Buffer]
    expect(known.mayContain(key)).to.equal(true)
    known.markComplete()
    expect(known.mayContain(key)).to.equal(false)
  })

  it('tell keys apart by their last 16 bytes', () => {
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
