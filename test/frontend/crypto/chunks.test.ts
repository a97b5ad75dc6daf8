import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import {
  chunkCount,
  chunkOffset,
  envelopeSize,
  openChunk,
  openChunks,
  plaintextSize,
  sealChunk,
  sealChunks,
} from '../../../src/frontend/crypto/chunks.js'
import { reasonOf } from './fixtures.js'

const log2 = 12
const size = 4096
const sealedSize = size + 16
const cipher = { suite: 1, key: randomBytes(32), chunkLog2: log2 } as const
const sealed = (plaintext: Buffer, firstIndex = 0) => Buffer.concat(sealChunks(cipher, plaintext, firstIndex))

describe('chunks', () => {
  it('have one layout for every size', () => {
    const sizes = fc.integer({ min: 0, max: 2 ** 45 })
    fc.assert(
      fc.property(sizes, fc.integer({ min: 14, max: 20 }), (bytes, chunkLog2) => {
        const total = envelopeSize(bytes, chunkLog2)
        const last = chunkOffset(chunkCount(bytes, chunkLog2) - 1, chunkLog2)
        return plaintextSize(total, chunkLog2) === bytes && total - last >= 16 && total - last < 2 ** chunkLog2 + 16
      }),
    )
    expect(envelopeSize(0, log2)).to.equal(104)
    expect([4095, 4096, 4097].map((bytes) => chunkCount(bytes, log2))).to.deep.equal([1, 2, 2])
    expect(envelopeSize(8292, log2)).to.equal(8428)
  })

  it('keep every size and offset exact up to the last chunk', () => {
    const most = 2 ** 32 * 2 ** 20 - 1
    expect(chunkCount(most, 20)).to.equal(2 ** 32)
    expect(Number.isSafeInteger(envelopeSize(most, 20))).to.equal(true)
    expect(plaintextSize(envelopeSize(most, 20), 20)).to.equal(most)
    expect(reasonOf(() => plaintextSize(envelopeSize(most + 1, 20), 20))).to.equal('RECORD_CORRUPT')
  })

  it('refuse a length between two layouts', () => {
    for (let more = 0; more < 16; more++) {
      expect(reasonOf(() => plaintextSize(88 + more, log2))).to.equal('RECORD_CORRUPT')
      expect(reasonOf(() => plaintextSize(88 + sealedSize + more, log2))).to.equal('RECORD_CORRUPT')
    }
    expect(reasonOf(() => plaintextSize(0, log2))).to.equal('RECORD_CORRUPT')
  })

  it('round-trip around every boundary, from any first chunk', () => {
    for (const bytes of [0, 1, size - 1, size, size + 1, 2 * size - 1, 2 * size, 2 * size + 1]) {
      const plaintext = randomBytes(bytes)
      for (const first of [0, 1, 1000]) {
        const body = sealed(plaintext, first)
        expect(body.length + 88).to.equal(envelopeSize(bytes, log2))
        expect(openChunks(cipher, body, first).equals(plaintext)).to.equal(true)
        expect(reasonOf(() => openChunks(cipher, body, first + 1))).to.equal('RECORD_CORRUPT')
      }
    }
  })

  it('open one by one, each in its place only', () => {
    const plaintext = randomBytes(2 * size + 100)
    const body = sealed(plaintext)
    for (let i = 0; i < 3; i++) {
      const at = chunkOffset(i, log2) - 88
      const one = body.subarray(at, at + sealedSize)
      expect(openChunk(cipher, i, one).equals(plaintext.subarray(i * size, (i + 1) * size))).to.equal(true)
      for (const other of [0, 1, 2, 3, 2 ** 31].filter((index) => index !== i)) {
        expect(reasonOf(() => openChunk(cipher, other, one))).to.equal('RECORD_CORRUPT')
      }
    }
  })

  it('stop at 2^32: nothing is sealed or opened beyond', () => {
    const last = 2 ** 32 - 1
    const plaintext = randomBytes(size + 1)
    const body = sealed(plaintext, last - 1)
    expect(openChunks(cipher, body, last - 1).equals(plaintext)).to.equal(true)
    expect(reasonOf(() => sealChunks(cipher, plaintext, last))).to.equal('INTERNAL')
    expect(reasonOf(() => sealChunk(cipher, 2 ** 32, plaintext.subarray(1)))).to.equal('INTERNAL')
    expect(reasonOf(() => openChunks(cipher, body, last))).to.equal('RECORD_CORRUPT')
    expect(reasonOf(() => openChunk(cipher, 2 ** 32, body.subarray(0, sealedSize)))).to.equal('RECORD_CORRUPT')
  })

  it('hold no more than a chunk', () => {
    expect(reasonOf(() => sealChunk(cipher, 0, Buffer.alloc(size + 1)))).to.equal('INTERNAL')
  })

  // The attacker has every piece of the envelope but not the key.
  describe('under attack', () => {
    for (const bytes of [0, 100, size, 2 * size, 2 * size + 100]) {
      it(`open in one way only: ${bytes} bytes`, () => {
        const body = sealed(randomBytes(bytes))
        const other = Buffer.concat(sealChunks({ ...cipher, key: randomBytes(32) }, randomBytes(bytes)))
        const pieces: Buffer[] = []
        for (let at = 0; at < body.length; at += sealedSize) pieces.push(body.subarray(at, at + sealedSize))
        const refused = (attacked: Buffer[]) => {
          const changed = Buffer.concat(attacked)
          if (changed.equals(body)) return
          expect(reasonOf(() => openChunks(cipher, changed))).to.equal('RECORD_CORRUPT')
        }
        for (let i = 0; i <= pieces.length; i++) {
          const [before, after] = [pieces.slice(0, i), pieces.slice(i)]
          refused(before) // stop
          refused(after) // drop the start
          refused([...before, ...after.slice(1)]) // drop one
          refused([...after, ...before]) // reorder
          for (const piece of pieces) refused([...before, piece, ...after]) // repeat
          refused([...before, other.subarray(i * sealedSize)]) // splice
          refused([...before, other.subarray(i * sealedSize, (i + 1) * sealedSize), ...after.slice(1)])
          for (const more of [1, 15, 16, 17]) refused([...before, Buffer.alloc(more), ...after]) // append
          for (const cut of [1, 15, 16, 17]) {
            refused([...before.slice(0, -1), (before.at(-1) ?? Buffer.alloc(0)).subarray(0, -cut), ...after])
          }
        }
      })
    }
  })
})
