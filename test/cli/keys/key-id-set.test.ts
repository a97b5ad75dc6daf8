import { expect } from 'chai'
import { keyIdSet } from '../../../src/cli/keys/key-id-set.js'

describe('key id set', () => {
  const idOf = (at: number) => {
    const id = Buffer.alloc(16, 1)
    id[0] = at % 3 // many of one shard
    id.writeUInt32BE(at, 4)
    return id
  }

  it('has the ids that were added, and no others', () => {
    const set = keyIdSet()
    for (let at = 0; at < 3000; at += 1) {
      set.add(idOf(at))
      set.add(idOf(at))
    }
    for (let at = 0; at < 3000; at += 1) expect(set.has(idOf(at))).to.equal(true)
    for (let at = 3000; at < 4000; at += 1) expect(set.has(idOf(at))).to.equal(false)
  })
})
