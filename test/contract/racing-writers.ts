// Concurrent writers of one record that keeps versions.
import { expect } from 'chai'
import { isExpired } from '../../src/backend/record/expiry.js'
import { listVersions, putKeeping } from '../../src/backend/record/versions.js'
import { type Clock, newClock } from '../../src/core/clock.js'
import type { SealedRecord } from '../../src/gen/encserver/v1/backend.js'
import { call, keyId, nextVersion, putOf, sampleRecord } from '../backend/samples.js'
import type { StoreUnderTest } from './store-under-test.js'

const numbersOf = (records: SealedRecord[]) => records.map(({ version }) => Number(version))

export function racingWritersContract(opened: StoreUnderTest): void {
  describe('concurrent writers', () => {
    /** Stores the record several times, one after another; returns the acknowledged versions. */
    async function writer(clock: Clock, record: SealedRecord, times: number): Promise<SealedRecord[]> {
      const done: SealedRecord[] = []
      for (let time = 0; time < times; time += 1) {
        const version = nextVersion(record)
        const { stored } = await putKeeping({ store: opened.store, clock }, putOf(version, { keepVersions: 100 }), call)
        done.push({ ...version, version: stored.version })
      }
      return done
    }

    for (const writers of [2, 8]) {
      it(`lose no acknowledged version, when they are ${writers}`, async () => {
        const record = sampleRecord(opened.user)
        const times = 48 / writers
        const clock = newClock()
        const done = await Promise.all(Array.from({ length: writers }, () => writer(clock, record, times)))
        const acknowledged = done.flat().sort((one, other) => Number(one.version - other.version))
        const current = (await opened.store.getRecordHeader(record.recordId, call)) as SealedRecord
        const versions = await listVersions(opened.store, { current, now: clock.forRefusing() }, call)
        expect(numbersOf(versions)).to.deep.equal(Array.from({ length: 48 }, (_, at) => 48 - at))
        expect(versions.map(keyId)).to.deep.equal(acknowledged.map(keyId).reverse())
        for (const { version, envelope } of acknowledged.slice(0, -1)) {
          const kept = await opened.store.getVersion({ ...current, version }, call)
          expect(kept?.envelope.equals(envelope)).to.equal(true)
        }
      })
    }

    it('lose no version of this life to a concurrent delete', async () => {
      const record = sampleRecord(opened.user)
      const clock = newClock()
      let deleting = true
      const deleter = (async () => {
        const target = {
          recordId: record.recordId,
          userUid: opened.user.userUid,
          expectKeyId: undefined,
          now: undefined,
        }
        while (deleting) {
          await opened.store.deleteRecord(target, call)
          await new Promise((resolve) => setTimeout(resolve, 3))
        }
      })()
      const done = await Promise.all([writer(clock, record, 20), writer(clock, record, 20)])
      deleting = false
      await deleter
      const last = await writer(clock, record, 1)
      const current = (await opened.store.getRecordHeader(record.recordId, call)) as SealedRecord
      const versions = await listVersions(opened.store, { current, now: clock.forRefusing() }, call)
      expect(numbersOf(versions)).to.deep.equal(
        Array.from({ length: Number(current.version) }, (_, at) => Number(current.version) - at),
      )
      const known = [...done.flat(), ...last].map((version) => keyId(version).toString('hex'))
      expect(known).to.include.members(versions.map((version) => keyId(version).toString('hex')))
      expect(isExpired(current, clock.forRefusing())).to.equal(false)
    })
  })
}
