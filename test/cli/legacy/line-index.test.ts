import { crc32 } from 'node:zlib'
import { expect } from 'chai'
import { lineIndex } from '../../../src/cli/legacy/line-index.js'

const idOf = (number: number) => Buffer.from(`id-${number}`)

describe('the index of lines', () => {
  it('finds every line that was added', () => {
    const index = lineIndex()
    const count = 50_000
    for (let at = 0; at < count; at += 1) index.add(idOf(at), at * 2 ** 33)
    expect(index.count).to.equal(count)
    for (let at = 0; at < count; at += 1) {
      expect(index.find(idOf(at))).to.include(at * 2 ** 33)
    }
  })

  it('finds no line for an unknown id', () => {
    const index = lineIndex()
    expect(index.find(idOf(1))).to.deep.equal([])
    index.add(idOf(1), 0)
    expect(index.find(idOf(2))).to.deep.equal([])
  })

  it('finds all lines of one id, and of ids that share a checksum', () => {
    const [one, twin] = [Buffer.from('plumless'), Buffer.from('buckeroo')]
    expect(crc32(one)).to.equal(crc32(twin))
    const index = lineIndex()
    index.add(one, 0)
    index.add(one, 1)
    index.add(twin, 3)
    const all = [0, 1, 3]
    expect(index.find(one)).to.have.members(all)
    expect(index.find(twin)).to.have.members(all)
  })

  it('adds many lines of one id in linear time', () => {
    const index = lineIndex()
    const offsets = Array.from({ length: 100_000 }, (_, at) => at * 100)
    for (const offset of offsets) index.add(idOf(1), offset)
    expect(index.count).to.equal(offsets.length)
    expect(index.find(idOf(1))).to.deep.equal(offsets)
  }).timeout(20_000)
})
