import { createCipheriv, randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { legacyId, openLegacy } from '../../../../src/frontend/crypto/legacy/v0.js'
import { bitFlips, reasonOf, thrownBy } from '../fixtures.js'
import { group, hex, runAll, type Vector } from '../vectors.js'

const vectors = group('LegacyV0')

function open({ form, key, nonce, blob }: Vector): Buffer {
  expect(form).to.be.oneOf(['prefixed', 'bare'])
  return openLegacy({ key: hex(key), nonce: form === 'bare' ? hex(nonce) : undefined }, hex(blob))
}

/** As the earlier services sealed: a nonce, and no associated data. */
function seal(key: Buffer, nonce: Buffer, contents: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  return Buffer.concat([cipher.update(contents), cipher.final(), cipher.getAuthTag()])
}

describe('the format of the earlier services', () => {
  it('opens as its vectors say', () => {
    runAll(vectors, 9, (vector) => {
      if (vector.result === 'valid') expect(open(vector).toString('hex')).to.equal(vector['msg'])
      else expect(reasonOf(() => open(vector))).to.equal(vector['error'])
    })
  })

  it('finds users under the ids of its vectors', () => {
    const ids = vectors.filter(({ comment }) => /^(other )?user id/.test(comment))
    runAll(ids, 3, ({ form, key, nonce, msg, blob }) => {
      const terms = { key: hex(key), nonce: hex(nonce), prefixed: form === 'prefixed' }
      expect(legacyId(terms, hex(msg).toString()).toString('hex')).to.equal(blob)
    })
  })

  it('gives nothing for any single bit that is flipped, and never crashes', () => {
    const [key, nonce] = [randomBytes(32), randomBytes(12)]
    const bare = seal(key, nonce, randomBytes(40))
    const blobs = [
      { given: undefined, blob: Buffer.concat([nonce, bare]) },
      { given: nonce, blob: bare },
    ]
    for (const { given, blob } of blobs) {
      let flips = 0
      for (const { bit, flipped } of bitFlips(blob)) {
        expect(
          reasonOf(() => openLegacy({ key, nonce: given }, flipped)),
          `bit ${bit}`,
        ).to.equal('RECORD_KEY_MISMATCH')
        flips += 1
      }
      expect(flips).to.equal(8 * blob.length)
    }
  })

  it('gives nothing for a blob that is cut, lengthened, or of another form', () => {
    const [key, nonce] = [randomBytes(32), randomBytes(12)]
    const bare = seal(key, nonce, Buffer.from('contents'))
    const prefixed = Buffer.concat([nonce, bare])
    for (let length = 0; length < prefixed.length; length += 1) {
      const cut = prefixed.subarray(0, length)
      expect(reasonOf(() => openLegacy({ key, nonce: undefined }, cut))).to.equal('RECORD_KEY_MISMATCH')
      expect(reasonOf(() => openLegacy({ key, nonce }, cut))).to.equal('RECORD_KEY_MISMATCH')
    }
    const longer = Buffer.concat([prefixed, Buffer.alloc(1)])
    expect(reasonOf(() => openLegacy({ key, nonce: undefined }, longer))).to.equal('RECORD_KEY_MISMATCH')
    expect(reasonOf(() => openLegacy({ key, nonce: undefined }, bare))).to.equal('RECORD_KEY_MISMATCH')
    expect(reasonOf(() => openLegacy({ key: randomBytes(32), nonce }, bare))).to.equal('RECORD_KEY_MISMATCH')
  })

  it('opens the empty record', () => {
    const [key, nonce] = [randomBytes(32), randomBytes(12)]
    expect(openLegacy({ key, nonce }, seal(key, nonce, Buffer.alloc(0)))).to.have.length(0)
  })

  it('refuses keys and nonces of other sizes before the primitive', () => {
    const [key, nonce] = [randomBytes(32), randomBytes(12)]
    const blob = seal(key, nonce, Buffer.from('contents'))
    for (const wrong of [{ key: key.subarray(1) }, { key: randomBytes(16) }, { nonce: nonce.subarray(1) }]) {
      const open = thrownBy(() => openLegacy({ key, nonce, ...wrong }, blob))
      const find = thrownBy(() => legacyId({ key, nonce, prefixed: true, ...wrong }, 'user'))
      for (const { reason, cause } of [open, find]) {
        expect(reason).to.equal('INTERNAL')
        expect((cause as Error).message).to.match(/^(an aead key has 32|a nonce has 12) bytes$/)
      }
    }
  })
})
