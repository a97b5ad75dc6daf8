// A store of users, and what it says of itself.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { call, sampleUser } from '../backend/samples.js'
import type { StoreUnderTest } from './store-under-test.js'

export function usersContract(opened: StoreUnderTest): void {
  describe('meta', () => {
    it('is empty and unbound at first', async () => {
      expect(await opened.store.meta(call)).to.deep.equal({ format: 1, keyringId: undefined, empty: true })
    })

    it('binds the first keyring for good', async () => {
      const [first, second] = [randomBytes(16), randomBytes(16)]
      expect(await opened.store.bindKeyring(first, call)).to.deep.equal(first)
      expect(await opened.store.bindKeyring(second, call)).to.deep.equal(first)
      expect(await opened.store.meta(call)).to.deep.equal({ format: 1, keyringId: first, empty: false })
    })

    it('binds one of many that race', async () => {
      const bound = await Promise.all(Array.from({ length: 20 }, () => opened.store.bindKeyring(randomBytes(16), call)))
      expect(new Set(bound.map((id) => id.toString('hex')))).to.have.property('size', 1)
    })

    it('is not empty with a user or a record', async () => {
      await opened.store.insertUser(opened.user, call)
      expect(await opened.store.meta(call)).to.include({ keyringId: undefined, empty: false })
    })
  })

  describe('users', () => {
    it('returns what was inserted, byte for byte', async () => {
      const generations = [1, 2, 7].map((generation) => ({
        generation,
        wrappedKey: randomBytes(8192),
        userBind: randomBytes(32),
      }))
      const big = sampleUser({ generations })
      expect(await opened.store.insertUser(big, call)).to.deep.equal(big)
      expect(await opened.store.getUser(big.userPseudonym, call)).to.deep.equal(big)
    })

    it('returns undefined for a user that is not there', async () => {
      expect(await opened.store.getUser(opened.user.userPseudonym, call)).to.equal(undefined)
    })

    it('keeps the user that is there', async () => {
      await opened.store.insertUser(opened.user, call)
      const other = sampleUser({ userPseudonym: opened.user.userPseudonym })
      expect(await opened.store.insertUser(other, call)).to.deep.equal(opened.user)
    })

    it('shows one winner to a hundred racing first stores', async () => {
      const racers = Array.from({ length: 100 }, () => sampleUser({ userPseudonym: opened.user.userPseudonym }))
      const winners = await Promise.all(racers.map((racer) => opened.store.insertUser(racer, call)))
      const stored = await opened.store.getUser(opened.user.userPseudonym, call)
      expect(racers).to.deep.include(stored)
      for (const winner of winners) expect(winner).to.deep.equal(stored)
    })
  })
}
