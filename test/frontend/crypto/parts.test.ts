import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { type ChunkCipher, sealChunks } from '../../../src/frontend/crypto/chunks.js'
import { chunksPerPart, partBytes, partCount, partSealer, sealedPartBytes } from '../../../src/frontend/crypto/parts.js'
import { cut, seeded } from '../transfers.js'

const cipherOf = (chunkLog2: number): ChunkCipher => ({ suite: 1, key: randomBytes(32), chunkLog2 })

function partsOf(cipher: ChunkCipher, pieces: Buffer[]): Buffer[] {
  const sealer = partSealer(cipher)
  const parts: Buffer[] = []
  for (const piece of pieces) parts.push(...sealer.add(piece))
  parts.push(sealer.finish())
  sealer.close()
  return parts
}

describe('parts', () => {
  for (const chunkLog2 of [12, 16, 20]) {
    describe(`of chunks of 2^${chunkLog2} bytes`, () => {
      const chunkSize = 2 ** chunkLog2
      const sizes = [
        0,
        1,
        chunkSize - 1,
        chunkSize,
        chunkSize + 1,
        partBytes - 1,
        partBytes,
        partBytes + 1,
        2 * partBytes - 1,
        2 * partBytes,
        2 * partBytes + chunkSize,
        3 * partBytes + 7,
      ]
      for (const size of [...new Set(sizes)]) {
        it(`hold ${size} bytes as one sealing would, however they come`, () => {
          const cipher = cipherOf(chunkLog2)
          const data = seeded(size)
          const sealed = Buffer.concat(sealChunks(cipher, data))
          const cuts = [[partBytes], [chunkSize], [chunkSize - 1], [chunkSize + 1], [4095, 1, 70_001], [300_000, 2]]
          for (const sizes of cuts) {
            const parts = partsOf(cipher, cut(data, ...sizes))
            expect(parts).to.have.length(partCount(size))
            for (const part of parts.slice(0, -1)) expect(part.length).to.equal(sealedPartBytes(chunkLog2))
            expect(Buffer.concat(parts).equals(sealed)).to.equal(true)
          }
        })
      }

      it('come as soon as they are full, and not before', () => {
        const sealer = partSealer(cipherOf(chunkLog2))
        expect([...sealer.add(Buffer.alloc(partBytes - 1))]).to.have.length(0)
        expect([...sealer.add(Buffer.alloc(1))]).to.have.length(1)
        expect([...sealer.add(Buffer.alloc(2 * partBytes + 5))]).to.have.length(2)
      })
    })
  }

  it('may come a byte at a time', () => {
    const cipher = cipherOf(12)
    const data = seeded(3 * 4096 + 1)
    const parts = partsOf(cipher, cut(data, 1))
    expect(Buffer.concat(parts).equals(Buffer.concat(sealChunks(cipher, data)))).to.equal(true)
  })

  it('of which the last holds an empty chunk, when the size is a multiple', () => {
    const parts = partsOf(cipherOf(16), [seeded(2 * partBytes)])
    expect(parts.map(({ length }) => length)).to.deep.equal([1_048_832, 1_048_832, 16])
    expect(chunksPerPart(16)).to.equal(16)
  })

  it('never keep a plaintext that waited for more', () => {
    const key = randomBytes(32)
    const alloc = Buffer.alloc
    const held: Buffer[] = []
    Buffer.alloc = ((...args: Parameters<typeof alloc>) => {
      const bytes = alloc(...args)
      held.push(bytes)
      return bytes
    }) as typeof alloc
    const sealer = partSealer({ suite: 1, key, chunkLog2: 12 })
    Buffer.alloc = alloc
    expect([...sealer.add(seeded(100))]).to.deep.equal([])
    expect(held.some((bytes) => bytes.subarray(0, 100).equals(seeded(100)))).to.equal(true)
    sealer.close()
    for (const bytes of held) expect(bytes.equals(alloc(bytes.length))).to.equal(true)
  })
})
