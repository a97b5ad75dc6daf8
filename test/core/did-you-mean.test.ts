import { expect } from 'chai'
import { didYouMean } from '../../src/core/did-you-mean.js'

const known = ['store', 'get', 'restore', '--name', '--in', 'import', 'export']

describe('did you mean', () => {
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
    it(`suggests ${best ?? 'nothing'} for "${word}"`, () => expect(didYouMean(word, known)).to.equal(best))
  }

  it('compares the distance of a path with the length of its last part', () => {
    const paths = ['backend.mode', 'backend.tls.certFile', 'LOG_STDOUT']
    expect(didYouMean('backend.mdoe', paths)).to.equal('backend.mode')
    expect(didYouMean('backend.tsl.certFile', paths)).to.equal('backend.tls.certFile')
    expect(didYouMean('LOG_STDUOT', paths)).to.equal('LOG_STDOUT')
    expect(didYouMean('backend.nope', paths)).to.equal(undefined)
  })

  it('has no suggestion for a long word, without computing distances', () => {
    const longest = 'n'.repeat(64)
    expect(didYouMean(longest, [`${longest}n`])).to.equal(`${longest}n`)
    expect(didYouMean(`${longest}n`, [longest])).to.equal(undefined)
    const begun = performance.now()
    expect(didYouMean('n'.repeat(1_000_000), known)).to.equal(undefined)
    expect(performance.now() - begun).to.be.below(30_000)
  })

  it('has no suggestion without known words', () => expect(didYouMean('store', [])).to.equal(undefined))
})
