import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { randomSource } from '../../../src/frontend/crypto/random.js'
import type { KeyProvider } from '../../../src/frontend/keys/key-provider.js'
import { parseKeyring } from '../../../src/frontend/keys/keyring.js'
import { localKms } from '../../../src/frontend/keys/local-kms.js'
import { userKeySource } from '../../../src/frontend/keys/user-key-source.js'
import { keysClosedDuring, reasonOf } from '../refusal.js'
import { keyringText } from '../world.js'

const random = randomSource()
const probe = Buffer.from('probe')
const { keyEncryptionKeys: keys } = parseKeyring(keyringText('test'))
const kms = localKms({ keys, writeSuite: 1, readSuites: [1, 2], random })
const alice = { userId: 'alice', pseudonym: randomBytes(36) }

describe('where user keys come from', () => {
  const source = userKeySource({ realm: 'test', providers: [kms], random })

  it('makes a first generation under the user pseudonym, and unwraps what it made', async () => {
    const { userKey, document } = await source.create(alice)
    expect(document.userPseudonym).to.equal(alice.pseudonym)
    expect(document.userUid).to.have.length(16)
    expect(document.generations).to.have.length(1)
    const [only] = document.generations
    expect(only!.generation).to.equal(1)
    const unwrapped = await source.unwrap({ userId: 'alice', userUid: document.userUid }, only!)
    expect(unwrapped).to.deep.include({ generation: 1, uid: document.userUid })
    expect(unwrapped.key.mac(probe)).to.deep.equal(userKey.key.mac(probe))
  })

  it('makes another key and uid each time', async () => {
    const [one, other] = [await source.create(alice), await source.create(alice)]
    expect(one.document.userUid.equals(other.document.userUid)).to.equal(false)
    expect(one.userKey.key.mac(probe).equals(other.userKey.key.mac(probe))).to.equal(false)
  })

  it('refuses and wipes a key that is not of this user, realm or life', async () => {
    const { document } = await source.create(alice)
    const [only] = document.generations
    const own = { userId: 'alice', userUid: document.userUid }
    const elsewhere = userKeySource({ realm: 'other', providers: [kms], random })
    expect(await reasonOf(elsewhere.unwrap(own, only!))).to.equal('RECORD_KEY_MISMATCH')
    const closed = await keysClosedDuring(async () => {
      expect(await reasonOf(source.unwrap({ ...own, userId: 'bob' }, only!))).to.equal('RECORD_KEY_MISMATCH')
    })
    expect(closed).to.equal(1)
    const uid = { ...own, userUid: randomBytes(16) }
    expect(await reasonOf(source.unwrap(uid, only!))).to.equal('RECORD_KEY_MISMATCH')
  })

  it('leaves no key bytes with a provider, whether wrapping works or fails', async () => {
    const held: Buffer[] = []
    for (const fails of [false, true]) {
      const watched: KeyProvider = {
        ...kms,
        wrap(userKey, context) {
          held.push(userKey)
          return fails ? Promise.reject(new Error('down')) : kms.wrap(userKey, context)
        },
        async unwrap(wrapped, context) {
          const userKey = await kms.unwrap(wrapped, context)
          held.push(userKey)
          return userKey
        },
      }
      const made = userKeySource({ realm: 'test', providers: [watched], random }).create(alice)
      const outcome = await made.catch(() => undefined)
      if (outcome === undefined) continue
      const { document } = outcome
      const unwrapping = userKeySource({ realm: 'test', providers: [watched], random })
      await unwrapping.unwrap({ userId: 'alice', userUid: document.userUid }, document.generations[0]!)
    }
    expect(held).to.have.length(3)
    for (const bytes of held) expect(bytes.equals(Buffer.alloc(32))).to.equal(true)
  })

  it('wraps with the first provider and unwraps with the one that wrapped', async () => {
    const wrappings: string[] = []
    const named = (keyRef: string): KeyProvider => ({
      ...kms,
      keyRef,
      async wrap(...given) {
        wrappings.push(keyRef)
        return { ...(await kms.wrap(...given)), keyRef }
      },
    })
    const before = userKeySource({ realm: 'test', providers: [named('old')], random })
    const { document } = await before.create(alice)
    const now = userKeySource({ realm: 'test', providers: [named('new'), named('old')], random })
    await now.create(alice)
    expect(wrappings).to.deep.equal(['old', 'new'])
    const life = { userId: 'alice', userUid: document.userUid }
    expect((await now.unwrap(life, document.generations[0]!)).generation).to.equal(1)
  })
})
