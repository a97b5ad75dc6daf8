import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { sealBox } from '../../../src/frontend/crypto/box.js'
import { contextHash, userKeyContext } from '../../../src/frontend/crypto/context.js'
import { HmacKey } from '../../../src/frontend/crypto/hmac.js'
import { randomSource } from '../../../src/frontend/crypto/random.js'
import type { KeyEncryptionKey } from '../../../src/frontend/keys/keyring.js'
import type { KeyState } from '../../../src/frontend/keys/keyring-text.js'
import { localKms } from '../../../src/frontend/keys/local-kms.js'
import { reasonOf } from '../refusal.js'

type WrappingKey = Omit<KeyEncryptionKey, 'check'>

const random = randomSource()
const bytesOf = new Map<number, Buffer>()

function kek(version: number, state: KeyState): WrappingKey {
  const bytes = bytesOf.get(version) ?? randomBytes(32)
  bytesOf.set(version, bytes)
  return { version, state, key: new HmacKey(bytes) }
}

const kmsOf = (keys: WrappingKey[], writeSuite: 1 | 2 = 1, readSuites: readonly (1 | 2)[] = [1, 2]) =>
  localKms({ keys, writeSuite, readSuites, random })

const context = { realm: 'test', userUid: randomBytes(16), generation: 1 }

describe('the local key provider', () => {
  const userKey = randomBytes(32)

  for (const suite of [1, 2] as const) {
    it(`gives back what it wrapped under suite ${suite}, under any suite it writes now`, async () => {
      const wrapped = await kmsOf([kek(1, 'active')], suite).wrap(userKey, context)
      expect(wrapped).to.deep.include({ provider: 1, keyRef: 'kek', keyVersion: 1 })
      expect(wrapped.ciphertext).to.have.length(32 + 88)
      for (const now of [1, 2] as const) {
        expect(await kmsOf([kek(1, 'active')], now).unwrap(wrapped, context)).to.deep.equal(userKey)
      }
    })
  }

  it('wraps the same key differently each time, and leaves it to the caller', async () => {
    const given = Buffer.from(userKey)
    const kms = kmsOf([kek(1, 'active')])
    const [one, other] = [await kms.wrap(given, context), await kms.wrap(given, context)]
    expect(one.ciphertext.equals(other.ciphertext)).to.equal(false)
    expect(given).to.deep.equal(userKey)
  })

  it('writes under the active version and reads the old ones', async () => {
    const old = await kmsOf([kek(1, 'active')]).wrap(userKey, context)
    const rotated = kmsOf([kek(1, 'read'), kek(2, 'active')])
    expect(await rotated.unwrap(old, context)).to.deep.equal(userKey)
    const wrapped = await rotated.wrap(userKey, context)
    expect(wrapped.keyVersion).to.equal(2)
    expect(wrapped.ciphertext.readUInt32BE(4)).to.equal(2)
  })

  it('refuses a version it does not have', async () => {
    const kms = kmsOf([kek(1, 'active')])
    const wrapped = await kms.wrap(userKey, context)
    for (const keyVersion of [0, 2, 0xffffffff]) {
      expect(await reasonOf(kms.unwrap({ ...wrapped, keyVersion }, context))).to.equal('RECORD_KEY_MISMATCH')
    }
  })

  it('refuses a key of one version relabelled as another', async () => {
    const kms = kmsOf([kek(1, 'active'), kek(2, 'read')])
    const wrapped = await kms.wrap(userKey, context)
    expect(await reasonOf(kms.unwrap({ ...wrapped, keyVersion: 2 }, context))).to.equal('RECORD_KEY_MISMATCH')
    const relabelled = Buffer.from(wrapped.ciphertext)
    relabelled.writeUInt32BE(2, 4)
    const both = { ...wrapped, keyVersion: 2, ciphertext: relabelled }
    expect(await reasonOf(kms.unwrap(both, context))).to.equal('RECORD_KEY_MISMATCH')
  })

  it('refuses another realm, user and generation than wrapped for', async () => {
    const kms = kmsOf([kek(1, 'active')])
    const wrapped = await kms.wrap(userKey, context)
    for (const other of [{ realm: 'other' }, { userUid: randomBytes(16) }, { generation: 2 }]) {
      expect(await reasonOf(kms.unwrap(wrapped, { ...context, ...other }))).to.equal('RECORD_KEY_MISMATCH')
    }
  })

  it('refuses a suite that may not be read', async () => {
    const wrapped = await kmsOf([kek(1, 'active')], 2).wrap(userKey, context)
    expect(await reasonOf(kmsOf([kek(1, 'active')], 1, [1]).unwrap(wrapped, context))).to.equal('RECORD_KEY_MISMATCH')
  })

  it('refuses a ciphertext cut or changed anywhere', async () => {
    const kms = kmsOf([kek(1, 'active')])
    const wrapped = await kms.wrap(userKey, context)
    for (let at = 0; at < wrapped.ciphertext.length; at += 1) {
      const flipped = Buffer.from(wrapped.ciphertext)
      flipped[at]! ^= 0x10
      const reason = await reasonOf(kms.unwrap({ ...wrapped, ciphertext: flipped }, context))
      expect(reason).to.equal(at < 72 ? 'RECORD_KEY_MISMATCH' : 'RECORD_CORRUPT')
      const cut = { ...wrapped, ciphertext: wrapped.ciphertext.subarray(0, at) }
      expect(await reasonOf(kms.unwrap(cut, context))).to.be.oneOf(['RECORD_KEY_MISMATCH', 'RECORD_CORRUPT'])
    }
  })

  it('refuses a secret that is no user key', async () => {
    const active = kek(1, 'active')
    const hash = contextHash(userKeyContext(context))
    const terms = { key: active.key, generation: 1, purpose: 'userKey', contextHash: hash, suite: 1 } as const
    for (const size of [0, 31, 33]) {
      const ciphertext = sealBox(terms, randomBytes(size), random)
      const wrapped = { provider: 1, keyRef: 'kek', keyVersion: 1, ciphertext } as const
      expect(await reasonOf(kmsOf([active]).unwrap(wrapped, context))).to.equal('RECORD_CORRUPT')
    }
  })
})
