import { expect } from 'chai'
import { newLifeId } from '../../../src/backend/record/record-id.js'

describe('life id', () => {
  it('has 16 bytes and is never the same', () => {
    const ids = Array.from({ length: 1_000 }, newLifeId)
    expect(new Set(ids.map(({ length }) => length))).to.deep.equal(new Set([16]))
    expect(new Set(ids.map((id) => id.toString('hex'))).size).to.equal(1_000)
  })

  it('does not keep the pool of random bytes in memory', () => {
    const ids = Array.from({ length: 300 }, newLifeId)
    for (const { buffer } of ids) expect(buffer.byteLength).to.equal(Buffer.poolSize)
  })
})
