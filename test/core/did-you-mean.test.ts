import { expect } from 'chai'
import { didYouMean } from '../../src/core/did-you-mean.js'

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
    it(`of "${word}" is ${best ?? 'none'}`, () => expect(didYouMean(word, known)).to.equal(best))
  }

  it('counts the mistakes of a path against its last part', () => {
    const paths = ['backend.mode', 'backend.tls.certFile', 'LOG_STDOUT']
    expect(didYouMean('backend.mdoe', paths)).to.equal('backend.mode')
    expect(didYouMean('backend.tsl.certFile', paths)).to.equal('backend.tls.certFile')
    expect(didYouMean('LOG_STDUOT', paths)).to.equal('LOG_STDOUT')
    expect(didYouMean('backend.nope', paths)).to.equal(undefined)
  })

  it('of a long word is none, at once', () => {
    const longest = 'n'.repeat(64)
    expect(didYouMean(longest, [`${longest}n`])).to.equal(`${longest}n`)
    expect(didYouMean(`${longest}n`, [longest])).to.equal(undefined)
    const begun = performance.now()
    expect(didYouMean('n'.repeat(1_000_000), known)).to.equal(undefined)
    expect(performance.now() - begun).to.be.below(30_000)
  })

  it('is none of none', () => expect(didYouMean('store', [])).to.equal(undefined))
})
