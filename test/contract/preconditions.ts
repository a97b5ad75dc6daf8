// Conditional writes, by one writer and by many.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import type { VaultError } from '../../src/core/errors.js'
import type { SealedRecord } from '../../src/gen/encserver/v1/backend.js'
import { call, firstVersion, keyId, reasonOf, sampleEnvelope, sampleRecord } from '../backend/samples.js'
import { absent, type StoreUnderTest, withKeyId } from './store-under-test.js'

export function preconditionsContract(opened: StoreUnderTest): void {
  describe('preconditions', () => {
    it('of absence hold once', async () => {
      const record = sampleRecord(opened.user)
      await opened.put(record, absent)
      expect(await reasonOf(opened.put({ ...record, envelope: sampleEnvelope() }, absent))).to.equal('ALREADY_EXISTS')
      expect(await opened.store.getRecord(record.recordId, call)).to.deep.equal(firstVersion(record))
    })

    it('of a key id hold for the current version only', async () => {
      const first = sampleRecord(opened.user)
      const second = { ...first, envelope: sampleEnvelope() }
      const third = { ...first, envelope: sampleEnvelope() }
      expect(await reasonOf(opened.put(first, withKeyId(randomBytes(16))))).to.equal('PRECONDITION_FAILED')
      await opened.put(first)
      expect(await opened.put(second, withKeyId(keyId(first)))).to.include({ version: 2n })
      expect(await reasonOf(opened.put(third, withKeyId(keyId(first))))).to.equal('PRECONDITION_FAILED')
      expect(await opened.store.getRecord(first.recordId, call)).to.deep.equal({
        ...second,
        version: 2n,
        replacedKeyIds: [keyId(first)],
        lifeId: keyId(first),
      })
    })

    it('of absence let one of many concurrent writes win', async () => {
      const record = sampleRecord(opened.user)
      const racers = Array.from({ length: 50 }, () => ({ ...record, envelope: sampleEnvelope() }))
      const outcomes = await Promise.allSettled(racers.map((racer) => opened.put(racer, absent)))
      const winners = racers.filter((_, at) => outcomes[at]?.status === 'fulfilled')
      expect(winners).to.have.length(1)
      expect(await opened.store.getRecord(record.recordId, call)).to.deep.equal(
        firstVersion(winners[0] as SealedRecord),
      )
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).to.include({ reason: 'ALREADY_EXISTS' })
      }
    })

    it('fail their own call alone', async () => {
      const taken = sampleRecord(opened.user)
      await opened.put(taken)
      const others = Array.from({ length: 20 }, () => sampleRecord(opened.user))
      const [failed, ...answers] = await Promise.allSettled([
        opened.put({ ...taken, envelope: sampleEnvelope() }, absent),
        ...others.map((record) => opened.put(record, absent)),
      ])
      expect(failed).to.include({ status: 'rejected' })
      for (const answer of answers) expect(answer).to.include({ status: 'fulfilled' })
      for (const record of others) expect(await opened.store.getRecord(record.recordId, call)).not.to.equal(undefined)
    })

    it('are optional: without one all writes succeed, each with a version of its own', async () => {
      const record = sampleRecord(opened.user)
      const writes = Array.from({ length: 50 }, () => opened.put({ ...record, envelope: sampleEnvelope() }))
      const versions = (await Promise.all(writes)).map(({ version }) => Number(version))
      expect(versions.sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 50 }, (_, at) => at + 1))
    })

    it('let many writers update a record without a lost update', async () => {
      const record = sampleRecord(opened.user)
      const counted = (count: number) => {
        const envelope = sampleEnvelope()
        envelope.writeUInt32BE(count, 100)
        return { ...record, envelope }
      }
      await opened.put(counted(0))

      async function increment(): Promise<void> {
        const current = await opened.store.getRecord(record.recordId, call)
        if (!current) throw new Error('the record is gone')
        const next = counted(current.envelope.readUInt32BE(100) + 1)
        const lost = await opened.put(next, withKeyId(keyId(current))).then(
          () => false,
          (error: VaultError) => error.reason === 'PRECONDITION_FAILED',
        )
        if (lost) await increment()
      }

      async function writer(): Promise<void> {
        for (let times = 0; times < 50; times += 1) await increment()
      }
      await Promise.all(Array.from({ length: 16 }, writer))
      const last = await opened.store.getRecord(record.recordId, call)
      expect(last?.envelope.readUInt32BE(100)).to.equal(16 * 50)
      expect(last?.version).to.equal(16n * 50n + 1n)
    })
  })
}
