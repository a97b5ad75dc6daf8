import { crc32 } from 'node:zlib'
import { expect } from 'chai'
import { lineIndex } from '../../../src/cli/legacy/line-index.js'

const idOf = (number: number) => Buffer.from(`id-${number}`)

describe('the index of lines', () => {
  it('finds every line it was told of, however many there are', () => {
    const index = lineIndex()
    const count = 50_000
    for (let at = 0; at < count; at += 1) index.add(idOf(at), { start: at * 2 ** 33, size: at })
    expect(index.count).to.equal(count)
    for (let at = 0; at < count; at += 1) {
      expect(index.find(idOf(at))).to.deep.include({ start: at * 2 ** 33, size: at })
    }
  })

  it('finds nothing where there is nothing', () => {
    const index = lineIndex()
    expect(index.find(idOf(1))).to.deep.equal([])
    index.add(idOf(1), { start: 0, size: 10 })
    expect(index.find(idOf(2))).to.deep.equal([])
  })

  it('names all lines of one id, and of ids that share a checksum', () => {
    const [one, twin] = [Buffer.from('plumless'), Buffer.from('buckeroo')]
    expect(crc32(one)).to.equal(crc32(twin))
    const index = lineIndex()
    index.add(one, { start: 0, size: 1 })
    index.add(one, { start: 1, size: 2 })
    index.add(twin, { start: 3, size: 3 })
    const all = [
      { start: 0, size: 1 },
      { start: 1, size: 2 },
      { start: 3, size: 3 },
    ]
    expect(index.find(one)).to.have.deep.members(all)
    expect(index.find(twin)).to.have.deep.members(all)
  })
})
