// Ended calls, and a store that closes and opens again.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import type { StoreCall } from '../../src/backend/store/store.js'
import { VaultError } from '../../src/core/errors.js'
import type { SealedRecord } from '../../src/gen/encserver/v1/backend.js'
import {
  call,
  firstVersion,
  putOf,
  reasonOf,
  recordIdOf,
  sampleKeyCheck,
  sampleRecord,
  sampleUser,
  storeTime,
} from '../backend/samples.js'
import type { StoreUnderTest } from './store-under-test.js'

function endedCall(): StoreCall {
  return { ...call, signal: AbortSignal.abort(new VaultError('CANCELLED')) }
}

export function callsContract(opened: StoreUnderTest): void {
  describe('calls that have ended', () => {
    const late: StoreCall = { ...call, deadline: Date.now() - 1 }

    it('write nothing', async () => {
      const record = sampleRecord(opened.user)
      expect(await reasonOf(opened.store.putRecord(putOf(record), endedCall()))).to.equal('CANCELLED')
      expect(await reasonOf(opened.store.putRecord(putOf(record), late))).to.equal('DEADLINE_EXCEEDED')
      expect(await reasonOf(opened.store.insertUser(opened.user, endedCall()))).to.equal('CANCELLED')
      expect(await reasonOf(opened.store.bindKeyring(randomBytes(16), late))).to.equal('DEADLINE_EXCEEDED')
      const bound = [sampleKeyCheck(1, 1)]
      expect(await reasonOf(opened.store.bindKeyChecks(bound, late))).to.equal('DEADLINE_EXCEEDED')
      expect(await reasonOf(opened.store.bindKeyChecks(bound, endedCall()))).to.equal('CANCELLED')
      expect((await opened.store.meta(call)).keyChecks).to.deep.equal([])
      await opened.put(sampleRecord(sampleUser()))
      expect(await opened.store.getRecord(record.recordId, call)).to.equal(undefined)
      expect(await opened.store.getUser(opened.user.userPseudonym, call)).to.equal(undefined)
    })

    it('delete nothing and read nothing', async () => {
      const record = sampleRecord(opened.user)
      await opened.put(record)
      const { recordId, userUid } = record
      const range = { ...opened.user, now: storeTime, after: undefined, limit: 1, maxBytes: 1 }
      const target = { recordId, userUid, expectKeyId: undefined, now: storeTime }
      expect(await reasonOf(opened.store.deleteRecord(target, endedCall()))).to.equal('CANCELLED')
      expect(await reasonOf(opened.store.getRecord(recordId, late))).to.equal('DEADLINE_EXCEEDED')
      expect(await reasonOf(opened.store.getUser(opened.user.userPseudonym, endedCall()))).to.equal('CANCELLED')
      expect(await reasonOf(opened.store.listRecords(range, late))).to.equal('DEADLINE_EXCEEDED')
      expect(await opened.store.getRecord(recordId, call)).not.to.equal(undefined)
    })

    it('end as CANCELLED when the signal has no reason', async () => {
      const aborted = { ...call, signal: AbortSignal.abort() }
      expect(await reasonOf(opened.store.getRecord(recordIdOf(opened.user), aborted))).to.equal('CANCELLED')
    })
  })

  describe('as a whole', () => {
    it('is ready', () => {
      expect(opened.store.health()).to.equal('ready')
    })

    it('keeps everything over a restart', async () => {
      const keyring = randomBytes(16)
      await opened.store.bindKeyring(keyring, call)
      await opened.store.insertUser(opened.user, call)
      const records = await opened.putMany(50)
      const [gone, ...kept] = records as [SealedRecord, ...SealedRecord[]]
      await opened.remove(gone)
      await opened.reopen()
      expect(await opened.store.meta(call)).to.deep.equal({
        format: 2,
        keyringId: keyring,
        keyChecks: [],
        empty: false,
      })
      expect(await opened.store.getUser(opened.user.userPseudonym, call)).to.deep.equal(opened.user)
      expect(await opened.store.getRecord(gone.recordId, call)).to.equal(undefined)
      for (const record of kept) {
        expect(await opened.store.getRecord(record.recordId, call)).to.deep.equal(firstVersion(record))
      }
    })

    it('finishes the writes in progress before it closes, and refuses later ones', async () => {
      const record = sampleRecord(opened.user)
      const writes = Promise.all([opened.put(record), opened.putMany(100)])
      const closing = opened.store.close()
      expect(await reasonOf(opened.put(sampleRecord(opened.user)))).to.equal('STORE_UNAVAILABLE')
      await writes
      await closing
      expect(await reasonOf(opened.store.getRecord(record.recordId, call))).to.equal('STORE_UNAVAILABLE')
    })
  })
}
