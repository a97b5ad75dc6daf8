import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { modes } from '../../../src/frontend/crypto/envelope.js'
import { HmacKey } from '../../../src/frontend/crypto/hmac.js'
import { randomSource } from '../../../src/frontend/crypto/random.js'
import { openRecord, sealWhole, startSeal } from '../../../src/frontend/crypto/record.js'
import { secretArena } from '../../../src/frontend/crypto/secret-arena.js'
import { parseToken } from '../../../src/frontend/crypto/token.js'
import { reasonOf } from './fixtures.js'

describe('brief memory', () => {
  it('has the requested size, is all zeros, and is handed out once', () => {
    const pieces = Array.from({ length: 500 }, (_, at) => secretArena((at * 37) % 1500))
    for (const [at, piece] of pieces.entries()) {
      expect(piece.length).to.equal((at * 37) % 1500)
      expect(piece.every((byte) => byte === 0)).to.equal(true)
      piece.fill((at % 255) + 1)
    }
    for (const [at, piece] of pieces.entries()) expect(piece.every((byte) => byte === (at % 255) + 1)).to.equal(true)
    for (const piece of pieces) piece.fill(0)
  })

  it('holds no secret once its users are done, whether they opened or refused', () => {
    const random = randomSource()
    const userKey = { uid: randomBytes(16), generation: 1, key: new HmacKey(randomBytes(32)) }
    const pieces = new Set<ArrayBufferLike>()
    for (let at = 0; at < 60; at += 1) {
      pieces.add(secretArena(1).buffer)
      for (const mode of Object.values(modes)) {
        const terms = { realm: 'r', userId: 'u', recordName: `${at}`, callerAad: Buffer.alloc(at * 10) }
        const seal = startSeal({ ...terms, mode, suite: 1, chunkLog2: 16 }, random)
        const sealed = {
          envelope: sealWhole(seal, randomBytes(100)),
          entryBox: seal.sealEntry(userKey, randomBytes(at)),
        }
        seal.close()
        for (const recordName of [terms.recordName, 'another']) {
          const token = seal.token === '' ? undefined : parseToken(seal.token)
          const open = () => openRecord({ ...terms, ...sealed, recordName, token, userKey, readSuites: [1, 2] })
          if (recordName === 'another') expect(reasonOf(open)).to.equal('RECORD_KEY_MISMATCH')
          else expect(open().data).to.have.length(100)
          token?.key.close()
        }
        const mistyped = seal.token.slice(0, -1) + (seal.token.endsWith('a') ? 'b' : 'a')
        expect(reasonOf(() => parseToken(mistyped))).to.equal('INVALID_REQUEST')
      }
    }
    expect(pieces.size).to.be.above(10)
    for (const piece of pieces) expect(Buffer.from(piece).every((byte) => byte === 0)).to.equal(true)
  })

  it('is not that of other buffers: no secret lies in the pool of Node', () => {
    const { buffer: pool } = Buffer.from('anything')
    for (let at = 0; at < 100; at += 1) expect(secretArena(100).buffer).to.not.equal(pool)
  })
})
