import { expect } from 'chai'
import { briefMemory } from '../../../src/frontend/crypto/brief-memory.js'

describe('brief memory', () => {
  it('is of the size asked for, all zeros, and nobody else has it', () => {
    const pieces = Array.from({ length: 500 }, (_, at) => briefMemory((at * 37) % 1500))
    for (const [at, piece] of pieces.entries()) {
      expect(piece.length).to.equal((at * 37) % 1500)
      expect(piece.every((byte) => byte === 0)).to.equal(true)
      piece.fill((at % 255) + 1)
    }
    for (const [at, piece] of pieces.entries()) expect(piece.every((byte) => byte === (at % 255) + 1)).to.equal(true)
  })

  it('is not that of other buffers: no secret lies in the pool of Node', () => {
    const { buffer: pool } = Buffer.from('anything')
    for (let at = 0; at < 100; at += 1) expect(briefMemory(100).buffer).to.not.equal(pool)
  })
})
