import { expect } from 'chai'
import { closestWord } from '../../src/core/did-you-mean.js'

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

  it('counts the mistakes of a path against its last part', () => {
    const paths = ['backend.mode', 'backend.tls.certFile', 'LOG_STDOUT']
    expect(closestWord('backend.mdoe', paths)).to.equal('backend.mode')
    expect(closestWord('backend.tsl.certFile', paths)).to.equal('backend.tls.certFile')
    expect(closestWord('LOG_STDUOT', paths)).to.equal('LOG_STDOUT')
    expect(closestWord('backend.nope', paths)).to.equal(undefined)
  })

  it('of a long word is none, at once', () => {
    const longest = 'n'.repeat(64)
    expect(closestWord(longest, [`${longest}n`])).to.equal(`${longest}n`)
    expect(closestWord(`${longest}n`, [longest])).to.equal(undefined)
    const begun = performance.now()
    expect(closestWord('n'.repeat(1_000_000), known)).to.equal(undefined)
    expect(performance.now() - begun).to.be.below(1000)
  })

  it('is none of none', () => expect(closestWord('store', [])).to.equal(undefined))
})
