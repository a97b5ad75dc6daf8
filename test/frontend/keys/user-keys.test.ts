import { expect } from 'chai'
import { randomSource } from '../../../src/frontend/crypto/random.js'
import type { KeyProvider } from '../../../src/frontend/keys/key-provider.js'
import { parseKeyring } from '../../../src/frontend/keys/keyring.js'
import { localKms } from '../../../src/frontend/keys/local-kms.js'
import { type UserKeys, userKeys } from '../../../src/frontend/keys/user-keys.js'
import type { UserDocument } from '../../../src/gen/encserver/v1/backend.js'
import { reasonOf } from '../refusal.js'
import { keyringText } from '../world.js'

const realm = 'test'
const random = randomSource()
const text = keyringText(realm)
const probe = Buffer.from('probe')

const alice = { userId: 'alice', pseudonym: Buffer.alloc(36, 0xa1) }
const bob = { userId: 'bob', pseudonym: Buffer.alloc(36, 0xb0) }

/** The local provider, its calls counted, each taking a turn of the event loop as a remote one's do. */
function countingKms(calls: { wrap: number; unwrap: number }): KeyProvider {
  const { keyEncryptionKeys: keys } = parseKeyring(text)
  const kms = localKms({ keys, writeSuite: 1, readSuites: [1, 2], random })
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  return {
    ...kms,
    async wrap(...given) {
      calls.wrap += 1
      await turn()
      return kms.wrap(...given)
    },
    async unwrap(...given) {
      calls.unwrap += 1
      await turn()
      return kms.unwrap(...given)
    },
  }
}

describe('user keys', () => {
  let calls: { wrap: number; unwrap: number }
  let opened: UserKeys[]
  const open = (limits = { maxUsers: 100, maxAgeMs: 60_000 }) => {
    const keys = userKeys({ realm, providers: [countingKms(calls)], random, limits })
    opened.push(keys)
    return keys
  }
  beforeEach(() => {
    calls = { wrap: 0, unwrap: 0 }
    opened = []
  })
  afterEach(() => {
    for (const keys of opened) keys.close()
  })

  const documentOf = async (keys: UserKeys, user = alice): Promise<UserDocument> =>
    (await keys.sealingKey(user)).newUser!

  it('are made once for racing first stores of one user', async () => {
    const keys = open()
    const all = await Promise.all(Array.from({ length: 100 }, () => keys.sealingKey(alice)))
    expect(calls.wrap).to.equal(1)
    expect(new Set(all.map(({ userKey }) => userKey))).to.have.property('size', 1)
    expect(new Set(all.map(({ newUser }) => newUser))).to.have.property('size', 1)
  })

  it('are made for each user', async () => {
    const keys = open()
    const [one, other] = await Promise.all([keys.sealingKey(alice), keys.sealingKey(bob)])
    expect(one.userKey.uid.equals(other.userKey.uid)).to.equal(false)
    expect(one.userKey.key.mac(probe).equals(other.userKey.key.mac(probe))).to.equal(false)
  })

  it('can be made after a provider failed', async () => {
    let fails = true
    const kms = countingKms(calls)
    const keys = userKeys({
      realm,
      providers: [{ ...kms, wrap: (...given) => (fails ? Promise.reject(new Error('down')) : kms.wrap(...given)) }],
      random,
      limits: { maxUsers: 10, maxAgeMs: 60_000 },
    })
    opened.push(keys)
    const failed = await Promise.allSettled([keys.sealingKey(alice), keys.sealingKey(alice)])
    expect(failed.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected'])
    fails = false
    expect((await keys.sealingKey(alice)).newUser).not.to.equal(undefined)
  })

  it('bring the new user until it is confirmed, of this life only', async () => {
    const keys = open()
    const { userKey, newUser } = await keys.sealingKey(alice)
    expect((await keys.sealingKey(alice)).newUser).to.equal(newUser)
    keys.confirm(alice, { ...userKey, uid: Buffer.alloc(16) })
    expect((await keys.sealingKey(alice)).newUser).to.equal(newUser)
    keys.confirm(alice, userKey)
    expect(await keys.sealingKey(alice)).to.deep.equal({ userKey, newUser: undefined })
    keys.confirm(bob, userKey)
    expect((await keys.sealingKey(bob)).newUser).not.to.equal(undefined)
  })

  it('are unwrapped once for racing opens, and not again', async () => {
    const document = await documentOf(open())
    const keys = open()
    const all = await Promise.all(Array.from({ length: 100 }, () => keys.open(alice, document)))
    expect(calls.unwrap).to.equal(1)
    expect(new Set(all)).to.have.property('size', 1)
    await keys.open(alice, document, 1)
    expect(calls.unwrap).to.equal(1)
  })

  it('are unwrapped again after an unwrap that failed', async () => {
    const document = await documentOf(open())
    const kms = countingKms(calls)
    let fails = true
    const unwrap: KeyProvider['unwrap'] = (...given) =>
      fails ? Promise.reject(new Error('down')) : kms.unwrap(...given)
    const limits = { maxUsers: 10, maxAgeMs: 60_000 }
    const keys = userKeys({ realm, providers: [{ ...kms, unwrap }], random, limits })
    opened.push(keys)
    const failed = await Promise.allSettled([keys.open(alice, document), keys.open(alice, document)])
    expect(failed.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected'])
    fails = false
    expect((await keys.open(alice, document)).generation).to.equal(1)
  })

  it('learned from a document seal without a new user', async () => {
    const maker = open()
    const { userKey, newUser } = await maker.sealingKey(alice)
    const keys = open()
    await keys.open(alice, newUser!)
    const learned = await keys.sealingKey(alice)
    expect(learned.newUser).to.equal(undefined)
    expect(learned.userKey.key.mac(probe)).to.deep.equal(userKey.key.mac(probe))
  })

  it('of another user are refused, though they are in the cache', async () => {
    const keys = open()
    const document = await documentOf(keys, bob)
    await keys.open(bob, document)
    expect(await reasonOf(keys.open(alice, document))).to.equal('RECORD_KEY_MISMATCH')
    expect(await reasonOf(keys.open(alice, { ...document, userPseudonym: alice.pseudonym }))).to.equal(
      'RECORD_KEY_MISMATCH',
    )
    const own = await documentOf(keys)
    expect(await reasonOf(keys.open(alice, { ...own, generations: document.generations }))).to.equal(
      'RECORD_KEY_MISMATCH',
    )
    expect((await keys.sealingKey(alice)).newUser).to.equal(own)
  })

  it('with a changed bind, uid, generation or wrapping are refused, though the true one is in the cache', async () => {
    const keys = open()
    const document = await documentOf(keys)
    const [only] = document.generations
    const flipped = (bytes: Buffer) => Buffer.from(bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte)))
    const changed: UserDocument[] = [
      { ...document, userUid: flipped(document.userUid) },
      { ...document, userUid: document.userUid.subarray(1) },
      { ...document, userUid: Buffer.alloc(0) },
      { ...document, generations: [{ ...only!, generation: 2 }] },
      { ...document, generations: [{ ...only!, generation: 0 }] },
      { ...document, generations: [{ ...only!, userBind: flipped(only!.userBind) }] },
      { ...document, generations: [{ ...only!, userBind: Buffer.alloc(0) }] },
      { ...document, generations: [{ ...only!, wrappedKey: Buffer.alloc(0) }] },
      { ...document, generations: [] },
    ]
    for (const wrong of changed) expect(await reasonOf(keys.open(alice, wrong))).to.equal('RECORD_KEY_MISMATCH')
    const damaged = { ...document, generations: [{ ...only!, wrappedKey: flipped(only!.wrappedKey) }] }
    expect(await reasonOf(keys.open(alice, damaged))).to.equal('RECORD_CORRUPT')
    expect(await reasonOf(keys.open(alice, document, 2))).to.equal('RECORD_KEY_MISMATCH')
  })

  it('forgotten are made anew', async () => {
    const keys = open()
    const { userKey } = await keys.sealingKey(alice)
    keys.confirm(alice, userKey)
    keys.forget(alice, userKey)
    const { userKey: next, newUser } = await keys.sealingKey(alice)
    expect(newUser?.userUid).to.deep.equal(next.uid)
    expect(next.uid.equals(userKey.uid)).to.equal(false)
  })

  it('of a life already replaced are not forgotten with the life before', async () => {
    const keys = open()
    const { userKey: before } = await keys.sealingKey(alice)
    keys.forget(alice, before)
    const { userKey } = await keys.sealingKey(alice)
    keys.forget(alice, before)
    expect((await keys.sealingKey(alice)).userKey).to.equal(userKey)
    expect(calls.wrap).to.equal(2)
  })

  it('work for many users at once in a cache for one', async () => {
    const keys = open({ maxUsers: 1, maxAgeMs: 60_000 })
    const users = Array.from({ length: 50 }, (_, at) => ({ userId: `user-${at}`, pseudonym: Buffer.alloc(36, at) }))
    await Promise.all(
      users.map(async (user) => {
        const { userKey, newUser } = await keys.sealingKey(user)
        userKey.key.mac(probe)
        const again = await keys.open(user, newUser!)
        again.key.mac(probe)
      }),
    )
  })

  it('that went stale are made anew, for the store to say which is live', async () => {
    const keys = open({ maxUsers: 10, maxAgeMs: 20 })
    const { userKey } = await keys.sealingKey(alice)
    keys.confirm(alice, userKey)
    await new Promise((resolve) => setTimeout(resolve, 40))
    expect((await keys.sealingKey(alice)).newUser).not.to.equal(undefined)
  })

  it('are all wiped on close', async () => {
    const keys = open()
    const { userKey } = await keys.sealingKey(alice)
    keys.close()
    await new Promise((resolve) => setImmediate(resolve))
    expect(() => userKey.key.mac(probe)).to.throw('internal error')
  })
})
