// Users, delete watermarks and the metadata of a store.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { endOfTime } from '../../src/backend/store/store.js'
import { call, sampleKeyCheck, sampleUser } from '../backend/samples.js'
import type { StoreUnderTest } from './store-under-test.js'

export function usersContract(opened: StoreUnderTest): void {
  describe('meta', () => {
    it('is empty and unbound at first', async () => {
      expect(await opened.store.meta(call)).to.deep.equal({
        format: 2,
        keyringId: undefined,
        keyChecks: [],
        empty: true,
      })
    })

    it('binds the first keyring for good', async () => {
      const [first, second] = [randomBytes(16), randomBytes(16)]
      expect(await opened.store.bindKeyring(first, call)).to.deep.equal(first)
      expect(await opened.store.bindKeyring(second, call)).to.deep.equal(first)
      expect(await opened.store.meta(call)).to.deep.equal({ format: 2, keyringId: first, keyChecks: [], empty: false })
    })

    it('binds one of many concurrent keyrings', async () => {
      const bound = await Promise.all(Array.from({ length: 20 }, () => opened.store.bindKeyring(randomBytes(16), call)))
      expect(new Set(bound.map((id) => id.toString('hex')))).to.have.property('size', 1)
    })

    it('has all key checks that were bound together, over a restart, and in one order', async () => {
      const [one, two, three] = [sampleKeyCheck(1, 1), sampleKeyCheck(2, 1), sampleKeyCheck(2, 0xffff_ffff)] as const
      expect(await opened.store.bindKeyChecks([three, one], call)).to.deep.equal([one, three])
      expect(await opened.store.bindKeyChecks([one, two], call)).to.deep.equal([one, two, three])
      expect(await opened.store.bindKeyChecks([], call)).to.deep.equal([one, two, three])
      await opened.reopen()
      expect((await opened.store.meta(call)).keyChecks).to.deep.equal([one, two, three])
    })

    it('binds no second check for a key, and then none of the same call', async () => {
      const bound = [sampleKeyCheck(1, 1)]
      await opened.store.bindKeyChecks(bound, call)
      for (const checks of [[sampleKeyCheck(1, 1)], [sampleKeyCheck(2, 1), sampleKeyCheck(1, 1)]]) {
        expect(await opened.store.bindKeyChecks(checks, call)).to.deep.equal(bound)
      }
      expect((await opened.store.meta(call)).keyChecks).to.deep.equal(bound)
    })

    it('binds the pair of one of many that race for two keys, and no mixture', async () => {
      const pairs = Array.from({ length: 20 }, () => [sampleKeyCheck(1, 1), sampleKeyCheck(2, 1)])
      const answers = await Promise.all(pairs.map((pair) => opened.store.bindKeyChecks(pair, call)))
      const [winner] = answers
      for (const answer of answers) expect(answer).to.deep.equal(winner)
      expect(pairs.map((pair) => Buffer.concat(pair).toString('hex'))).to.include(
        Buffer.concat(winner!).toString('hex'),
      )
    })

    it('binds the keys of many that race, each under its number', async () => {
      const checks = Array.from({ length: 20 }, (_, at) => sampleKeyCheck(2, at + 1))
      await Promise.all(checks.map((check) => opened.store.bindKeyChecks([check], call)))
      expect((await opened.store.meta(call)).keyChecks).to.deep.equal(checks)
    })

    it('is bound to 256 keys at most', async () => {
      const checks = Array.from({ length: 256 }, (_, at) => sampleKeyCheck(2, at + 1))
      expect(await opened.store.bindKeyChecks(checks, call)).to.deep.equal(checks)
      expect(await opened.store.bindKeyChecks([sampleKeyCheck(1, 1)], call)).to.deep.equal(checks)
    })

    it('is not empty with a user or a record', async () => {
      await opened.store.insertUser(opened.user, call)
      expect(await opened.store.meta(call)).to.include({ keyringId: undefined, empty: false })
    })
  })

  describe('users', () => {
    it('returns an inserted user byte for byte', async () => {
      const generations = [1, 2, 7].map((generation) => ({
        generation,
        wrappedKey: randomBytes(8192),
        userBind: randomBytes(32),
      }))
      const big = sampleUser({ generations })
      expect(await opened.store.insertUser(big, call)).to.deep.equal(big)
      expect(await opened.store.getUser(big.userPseudonym, call)).to.deep.equal(big)
    })

    it('returns undefined for an absent user', async () => {
      expect(await opened.store.getUser(opened.user.userPseudonym, call)).to.equal(undefined)
    })

    it('keeps the first user of a pseudonym', async () => {
      await opened.store.insertUser(opened.user, call)
      const other = sampleUser({ userPseudonym: opened.user.userPseudonym })
      expect(await opened.store.insertUser(other, call)).to.deep.equal(opened.user)
    })

    it('have a delete watermark that only rises', async () => {
      const { userPseudonym } = opened.user
      const noted = () => opened.store.getDeleteWatermark(userPseudonym, call)
      const [early, late] = [new Date('2025-03-01T12:00:00.123Z'), new Date('2025-03-01T12:00:20.456Z')]
      const latest = late
      await opened.store.raiseDeleteWatermark(
        { userPseudonym: sampleUser().userPseudonym, until: late, maxUntil: latest },
        call,
      )
      expect(await noted()).to.equal(undefined)
      for (const [until, latest] of [
        [early, early],
        [late, late],
        [early, late],
      ] as const) {
        await opened.store.raiseDeleteWatermark({ userPseudonym, until, maxUntil: latest }, call)
        expect(await noted()).to.deep.equal(latest)
      }
      await opened.reopen()
      expect(await noted()).to.deep.equal(late)
    })

    it('have a delete watermark replaced that is too late to be believed', async () => {
      const { userPseudonym } = opened.user
      const [until, latest] = [new Date('2025-03-01T12:00:00.123Z'), new Date('2025-03-01T13:00:00.123Z')]
      const note = (time: Date) =>
        opened.store.raiseDeleteWatermark({ userPseudonym, until: time, maxUntil: endOfTime }, call)
      const noted = () => opened.store.getDeleteWatermark(userPseudonym, call)
      await note(latest)
      await opened.store.raiseDeleteWatermark({ userPseudonym, until, maxUntil: latest }, call)
      expect(await noted()).to.deep.equal(latest)
      await note(new Date(latest.getTime() + 1))
      await opened.store.raiseDeleteWatermark({ userPseudonym, until, maxUntil: latest }, call)
      expect(await noted()).to.deep.equal(until)
      await note(endOfTime)
      expect(await noted()).to.deep.equal(endOfTime)
    })

    it('have the latest delete watermark of many concurrent writers', async () => {
      const { userPseudonym } = opened.user
      const times = Array.from({ length: 20 }, (_, at) => new Date(1_800_000_000_000 + ((at * 7) % 20)))
      const latest = endOfTime
      await Promise.all(
        times.map((until) => opened.store.raiseDeleteWatermark({ userPseudonym, until, maxUntil: latest }, call)),
      )
      expect(await opened.store.getDeleteWatermark(userPseudonym, call)).to.deep.equal(new Date(1_800_000_000_019))
    })

    it('shows one winner to a hundred concurrent inserts', async () => {
      const racers = Array.from({ length: 100 }, () => sampleUser({ userPseudonym: opened.user.userPseudonym }))
      const winners = await Promise.all(racers.map((racer) => opened.store.insertUser(racer, call)))
      const stored = await opened.store.getUser(opened.user.userPseudonym, call)
      expect(racers).to.deep.include(stored)
      for (const winner of winners) expect(winner).to.deep.equal(stored)
    })
  })
}
