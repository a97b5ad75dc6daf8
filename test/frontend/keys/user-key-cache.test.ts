import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { HmacKey } from '../../../src/frontend/crypto/hmac.js'
import type { UserKey } from '../../../src/frontend/crypto/user-key.js'
import { type UserKeyCache, userKeyCache } from '../../../src/frontend/keys/user-key-cache.js'
import { until } from '../refusal.js'

const newKey = (): UserKey => ({ uid: randomBytes(16), generation: 1, key: new HmacKey(randomBytes(32)) })

function isWiped({ key }: UserKey): boolean {
  try {
    key.mac(Buffer.from('x'))
    return false
  } catch {
    return true
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('the cache of user keys', () => {
  const caches: UserKeyCache[] = []
  const open = (limits: { maxUsers: number; maxAgeMs: number }) => {
    const cache = userKeyCache(limits)
    caches.push(cache)
    return cache
  }
  after(() => {
    for (const cache of caches) cache.close()
  })

  it('keeps the first of two that race, and wipes the second', () => {
    const cache = open({ maxUsers: 2, maxAgeMs: 60_000 })
    const [first, second] = [newKey(), newKey()]
    expect(cache.keep('digest', first)).to.equal(first)
    expect(cache.keep('digest', second)).to.equal(first)
    expect(cache.get('digest')).to.equal(first)
    expect([isWiped(first), isWiped(second)]).to.deep.equal([false, true])
  })

  it('wipes what it drops for want of room, but not in the turn in which it was handed out', async () => {
    const cache = open({ maxUsers: 2, maxAgeMs: 60_000 })
    const keys = [newKey(), newKey(), newKey()]
    for (const [at, key] of keys.entries()) cache.keep(`${at}`, key)
    expect(cache.get('0')).to.equal(undefined)
    expect(keys.map(isWiped)).to.deep.equal([false, false, false])
    await turn()
    expect(keys.map(isWiped)).to.deep.equal([true, false, false])
  })

  it('drops the one not used for longest', async () => {
    const cache = open({ maxUsers: 2, maxAgeMs: 60_000 })
    cache.keep('a', newKey())
    cache.keep('b', newKey())
    cache.get('a')
    cache.keep('c', newKey())
    expect([cache.get('a') === undefined, cache.get('b') === undefined]).to.deep.equal([false, true])
  })

  it('gives nothing out after its time, however often it was used', async () => {
    const cache = open({ maxUsers: 2, maxAgeMs: 60 })
    const key = newKey()
    cache.keep('a', key)
    for (let i = 0; i < 5; i += 1) {
      await sleep(10)
      cache.get('a')
    }
    await sleep(30)
    expect(cache.get('a')).to.equal(undefined)
    await turn()
    expect(isWiped(key)).to.equal(true)
  })

  it('wipes a key after its time though nobody asks for it', async () => {
    const cache = open({ maxUsers: 2, maxAgeMs: 20 })
    const key = newKey()
    cache.keep('a', key)
    await until(() => isWiped(key))
  })

  it('takes a key again after its time', async () => {
    const cache = open({ maxUsers: 2, maxAgeMs: 1_000 })
    cache.keep('a', newKey())
    await sleep(1_020)
    const key = newKey()
    expect(cache.keep('a', key)).to.equal(key)
    await turn()
    expect(isWiped(key)).to.equal(false)
  })

  it('wipes all on close', async () => {
    const cache = open({ maxUsers: 2, maxAgeMs: 60_000 })
    const keys = [newKey(), newKey()]
    for (const [at, key] of keys.entries()) cache.keep(`${at}`, key)
    cache.close()
    await turn()
    expect(keys.map(isWiped)).to.deep.equal([true, true])
  })
})
