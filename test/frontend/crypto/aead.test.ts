import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { type AeadCall, chunkNonce, decrypt, encrypt, isSuite, type Suite } from '../../../src/frontend/crypto/aead.js'
import { reasonOf, thrownBy } from './fixtures.js'
import { group, hex, runAll, testsOf, type Vector, vectorFile } from './vectors.js'

function inProfile({ keySize, ivSize, tagSize }: Vector): boolean {
  return keySize === 256 && ivSize === 96 && tagSize === 128
}

function callOf(suite: Suite, { key, iv, aad }: Vector): AeadCall {
  return { suite, key: hex(key), nonce: hex(iv), aad: hex(aad) }
}

/** Our own rule said no; had the primitive been asked, the cause would be its error. */
function refusedBeforePrimitive(run: () => unknown): void {
  const error = thrownBy(run)
  expect(error.reason).to.equal('INTERNAL')
  expect((error.cause as Error).message).to.match(/^(an aead key has 32|a nonce has 12|a tag has 16) bytes$/)
}

const files = [
  { name: 'aes_gcm_test', suite: 1, inside: 66, outside: 250 },
  { name: 'chacha20_poly1305_test', suite: 2, inside: 316, outside: 9 },
] as const

describe('aead', () => {
  for (const { name, suite, inside, outside } of files) {
    const tests = testsOf(vectorFile(name))

    it(`agrees with ${name}`, () => {
      runAll(tests.filter(inProfile), inside, (test) => {
        const open = () => decrypt(callOf(suite, test), hex(test['ct']), hex(test['tag']))
        if (test.result !== 'valid') return expect(reasonOf(open)).to.equal('RECORD_CORRUPT')
        expect(open().toString('hex')).to.equal(test['msg'])
        const [ciphertext, tag] = encrypt(callOf(suite, test), hex(test['msg']))
        expect([ciphertext.toString('hex'), tag.toString('hex')]).to.deep.equal([test['ct'], test['tag']])
        return undefined
      })
    })

    it(`refuses every other profile of ${name} before the primitive`, () => {
      const others = tests.filter((test) => !inProfile(test))
      runAll(others, outside, (test) => {
        refusedBeforePrimitive(() => encrypt(callOf(suite, test), hex(test['msg'])))
        refusedBeforePrimitive(() => decrypt(callOf(suite, test), hex(test['ct']), hex(test['tag'])))
      })
    })

    it(`refuses short and long tags, nonces and keys of suite ${suite} before the primitive`, () => {
      const good = { suite, key: randomBytes(32), nonce: chunkNonce(0) }
      const [ciphertext, tag] = encrypt(good, Buffer.from('text'))
      for (let length = 0; length <= 17; length++) {
        const cut = Buffer.concat([tag], length)
        if (length !== 16) refusedBeforePrimitive(() => decrypt(good, ciphertext, cut))
        const nonce = Buffer.alloc(length)
        if (length === 12) continue
        refusedBeforePrimitive(() => encrypt({ ...good, nonce }, ciphertext))
        refusedBeforePrimitive(() => decrypt({ ...good, nonce }, ciphertext, tag))
      }
      for (const length of [0, 16, 24, 31, 33, 64]) {
        refusedBeforePrimitive(() => encrypt({ ...good, key: Buffer.alloc(length) }, ciphertext))
      }
    })
  }

  it('refuses any other suite', () => {
    for (const suite of [0, 3, 255, -1, 1.5, Number.NaN] as Suite[]) {
      expect(isSuite(suite)).to.equal(false)
      const call = { suite, key: Buffer.alloc(32), nonce: Buffer.alloc(12) }
      expect(reasonOf(() => encrypt(call, Buffer.alloc(0)))).to.equal('INTERNAL')
      expect(reasonOf(() => decrypt(call, Buffer.alloc(0), Buffer.alloc(16)))).to.equal('INTERNAL')
    }
  })

  it('takes the chunk number as the nonce', () => {
    runAll(group('ChunkNonce'), 7, ({ index, nonce }) => {
      expect(chunkNonce(index).toString('hex')).to.equal(nonce)
    })
  })

  it('has no nonce for a chunk number out of range', () => {
    for (const index of [2 ** 32, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(reasonOf(() => chunkNonce(index))).to.equal('INTERNAL')
    }
  })

  it('is why the wrapper exists: the primitive itself takes a short tag and a 1-byte nonce', () => {
    const [key, nonce] = [randomBytes(32), Buffer.alloc(1)]
    const cipher = createCipheriv('aes-256-gcm', key, nonce)
    const ciphertext = Buffer.concat([cipher.update('text'), cipher.final()])
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 4 })
    decipher.setAuthTag(cipher.getAuthTag().subarray(0, 4))
    expect(decipher.update(ciphertext, undefined, 'utf8') + decipher.final('utf8')).to.equal('text')
  })
})
