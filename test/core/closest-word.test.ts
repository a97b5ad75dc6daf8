import { expect } from 'chai'
import { closestWord } from '../../src/core/closest-word.js'

const known = ['store', 'get', 'restore', '--name', '--in', 'import', 'export']

describe('closest word', () => {
  const meant: [string, string | undefined][] = [
    ['store', 'store'],
    ['stroe', 'store'],
    ['stor', 'store'],
    ['sstore', 'store'],
    ['stxre', 'store'],
    ['restroe', 'restore'],
    ['--nmae', '--name'],
    ['--naem', '--name'],
    ['imprt', 'import'],
    ['gte', 'get'],
    ['g', undefined],
    ['x', undefined],
    ['', undefined],
    ['--i', undefined],
    ['delete', undefined],
    ['eorst', undefined],
  ]
  for (const [word, best] of meant) {
    it(`of "${word}" is ${best ?? 'none'}`, () => expect(closestWord(word, known)).to.equal(best))
  }

  it('is none of none', () => expect(closestWord('store', [])).to.equal(undefined))
})
