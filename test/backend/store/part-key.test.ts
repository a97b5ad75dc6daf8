import { expect } from 'chai'
import {
  partNumberOf,
  partNumberPattern,
  partNumberText,
  partSetNames,
  partSetOf,
  pseudonymPattern,
  setIdPattern,
} from '../../../src/backend/store/part-key.js'

const set = { recordId: Buffer.alloc(72, 0xfb).fill(0x01, 36), setId: Buffer.alloc(16, 0xab) }

describe('part key', () => {
  it('has the frozen text of each name', () => {
    expect(partSetNames(set)).to.deep.equal(['-_v7'.repeat(12), 'AQEB'.repeat(12), 'ab'.repeat(16)])
    expect(partNumberText(0)).to.equal('00000')
    expect(partNumberText(2 ** 20 - 1)).to.equal('fffff')
  })

  it('gives the set and the number back', () => {
    expect(partSetOf(partSetNames(set))).to.deep.equal(set)
    for (const number of [0, 1, 255, 2 ** 20 - 1]) expect(partNumberOf(`x/${partNumberText(number)}`)).to.equal(number)
  })

  it('has a pattern for each text', () => {
    const form = new RegExp(`^${pseudonymPattern}/${pseudonymPattern}/${setIdPattern}/${partNumberPattern}$`)
    const key = [...partSetNames(set), partNumberText(7)].join('/')
    expect(key).to.match(form)
    for (const other of [`${key}0`, key.slice(1), key.toUpperCase(), key.replaceAll('/', '.')])
      expect(other).to.not.match(form)
  })

  it('joins both pseudonyms to the text of the whole record id', () => {
    const [user, record] = partSetNames(set)
    expect(user + record).to.equal(set.recordId.toString('base64url'))
  })

  it('sorts by part number', () => {
    const numbers = [0, 1, 15, 16, 255, 256, 65_535, 65_536]
    expect(numbers.map(partNumberText).sort()).to.deep.equal(numbers.map(partNumberText))
  })
})
