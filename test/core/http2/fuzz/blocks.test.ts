import { expect } from 'chai'
import { fuzzDamage, fuzzNoise } from './blocks.js'

const seed = 7541

describe('hpack fuzzing', () => {
  it('random bytes are decoded or refused', () => fuzzNoise(seed, 5000))

  it('blocks with a damaged byte are decoded or refused', () => {
    expect(fuzzDamage(seed, 1500), 'how many were decoded all the same').to.be.within(150, 1350)
  })
})
