// What every engine behind the Store interface must do. An engine's test file calls storeContract with a way to open an
// empty store.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import type { Store, StoreCall } from '../src/backend/store.js'
import { VaultError } from '../src/core/errors.js'
import type { SealedRecord, UserDocument } from '../src/gen/encserver/v1/backend.js'
import type { Precondition } from '../src/gen/encserver/v1/frontend.js'
import {
  call,
  firstVersion,
  keyId,
  putInto,
  putOf,
  reasonOf,
  recordIdOf,
  sampleEnvelope,
  sampleRecord,
  sampleUser,
  storeTime,
} from './backend/samples.js'

export interface OpenedStore {
  store: Store
  /** Closes the store and opens it again; absent when the engine keeps nothing. */
  reopen?: () => Promise<Store>
  cleanup: () => Promise<void>
}

const absent: Precondition = { condition: { $case: 'absent', value: true } }

function withKeyId(value: Buffer): Precondition {
  return { condition: { $case: 'keyId', value } }
}

function endedCall(): StoreCall {
  return { ...call, signal: AbortSignal.abort(new VaultError('CANCELLED')) }
}

export function storeContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name} as a store`, () => {
    let opened: OpenedStore
    let store: Store
    let user: UserDocument

    beforeEach(async () => {
      opened = await open()
      store = opened.store
      user = sampleUser()
    })
    afterEach(() => opened.cleanup())

    const put = (record: SealedRecord, precondition?: Precondition) => putInto(store, record, { precondition })
    const remove = async ({ recordId, userUid }: SealedRecord, expectKeyId?: Buffer) =>
      (await store.deleteRecord({ recordId, userUid, expectKeyId, now: storeTime }, call)) !== undefined

    /** All pages of the user, with what happens between them. */
    async function walk(limit: number, between = async (_page: number) => {}): Promise<SealedRecord[][]> {
      const pages: SealedRecord[][] = []
      let after: Buffer | undefined
      do {
        const { userPseudonym, userUid } = user
        const page = await store.listRecords(
          { userPseudonym, userUid, now: storeTime, after, limit, maxBytes: 1 << 20 },
          call,
        )
        pages.push(page.records)
        after = page.next
        await between(pages.length)
      } while (after)
      return pages
    }

    async function putMany(count: number): Promise<SealedRecord[]> {
      const records = Array.from({ length: count }, () => sampleRecord(user))
      await Promise.all(records.map((record) => put(record)))
      return records
    }

    const hexIds = (records: SealedRecord[]) => records.map(({ recordId }) => recordId.toString('hex'))

    describe('meta', () => {
      it('is empty and unbound at first', async () => {
        expect(await store.meta(call)).to.deep.equal({ format: 1, keyringId: undefined, empty: true })
      })

      it('binds the first keyring for good', async () => {
        const [first, second] = [randomBytes(16), randomBytes(16)]
        expect(await store.bindKeyring(first, call)).to.deep.equal(first)
        expect(await store.bindKeyring(second, call)).to.deep.equal(first)
        expect(await store.meta(call)).to.deep.equal({ format: 1, keyringId: first, empty: false })
      })

      it('binds one of many that race', async () => {
        const bound = await Promise.all(Array.from({ length: 20 }, () => store.bindKeyring(randomBytes(16), call)))
        expect(new Set(bound.map((id) => id.toString('hex')))).to.have.property('size', 1)
      })

      it('is not empty with a user or a record', async () => {
        await store.insertUser(user, call)
        expect(await store.meta(call)).to.include({ keyringId: undefined, empty: false })
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
        expect(await store.insertUser(big, call)).to.deep.equal(big)
        expect(await store.getUser(big.userPseudonym, call)).to.deep.equal(big)
      })

      it('returns undefined for a user that is not there', async () => {
        expect(await store.getUser(user.userPseudonym, call)).to.equal(undefined)
      })

      it('keeps the user that is there', async () => {
        await store.insertUser(user, call)
        const other = sampleUser({ userPseudonym: user.userPseudonym })
        expect(await store.insertUser(other, call)).to.deep.equal(user)
      })

      it('shows one winner to a hundred racing first stores', async () => {
        const racers = Array.from({ length: 100 }, () => sampleUser({ userPseudonym: user.userPseudonym }))
        const winners = await Promise.all(racers.map((racer) => store.insertUser(racer, call)))
        const stored = await store.getUser(user.userPseudonym, call)
        expect(racers).to.deep.include(stored)
        for (const winner of winners) expect(winner).to.deep.equal(stored)
      })
    })

    describe('records', () => {
      it('returns what was put, with the version and the time', async () => {
        const record = sampleRecord(user)
        const stored = await put(record)
        expect(stored).to.deep.equal({ version: 1n, storeTime: record.storeTime })
        expect(await store.getRecord(record.recordId, call)).to.deep.equal(firstVersion(record))
      })

      it('is safe for every byte, empty or large', async () => {
        const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
        for (const recordId of [Buffer.alloc(72), Buffer.alloc(72, 0xff), Buffer.concat([every.subarray(0, 72)])]) {
          const envelope = Buffer.concat([sampleEnvelope(), every, randomBytes(3 << 20)])
          const record = sampleRecord(user, { recordId, envelope, entryBox: every, sizeBytes: 2n ** 63n })
          await put(record)
          expect(await store.getRecord(recordId, call)).to.deep.equal(firstVersion(record))
        }
      })

      it('returns undefined for a record that is not there', async () => {
        expect(await store.getRecord(recordIdOf(user), call)).to.equal(undefined)
      })

      it('counts the versions of a record', async () => {
        const record = sampleRecord(user)
        const replacedKeyIds: Buffer[] = []
        for (const version of [1n, 2n, 3n]) {
          const next = { ...record, envelope: sampleEnvelope() }
          expect(await put(next)).to.include({ version })
          const firstKeyId = replacedKeyIds.at(-1) ?? keyId(next)
          expect(await store.getRecord(record.recordId, call)).to.deep.equal({
            ...next,
            version,
            replacedKeyIds,
            firstKeyId,
          })
          replacedKeyIds.unshift(keyId(next))
        }
      })

      it('starts again after a delete', async () => {
        const record = sampleRecord(user)
        await put(record)
        await remove(record)
        expect(await put({ ...record, envelope: sampleEnvelope() })).to.include({ version: 1n })
      })

      it('does not undo what has replaced a put that is repeated', async () => {
        const first = sampleRecord(sampleUser())
        const versions = Array.from({ length: 4 }, () => ({ ...first, envelope: sampleEnvelope() }))
        await put(first)
        for (const [at, record] of versions.entries()) {
          const before = at === 0 ? first : (versions[at - 1] as SealedRecord)
          expect((await put(record, withKeyId(keyId(before)))).version).to.equal(BigInt(at + 2))
          expect((await put(first)).version).to.equal(1n)
          expect((await store.getRecord(first.recordId, call))?.envelope).to.deep.equal(record.envelope)
        }
      })

      it('answers a repeated put with the stored version and time, whatever its precondition', async () => {
        const record = sampleRecord(user)
        const stored = await put(record, absent)
        const again = { ...record, storeTime: new Date('2030-01-01T00:00:00Z') }
        expect(await put(again, absent)).to.deep.equal(stored)
        expect(await put(again, withKeyId(randomBytes(16)))).to.deep.equal(stored)
        expect(await store.getRecord(record.recordId, call)).to.deep.equal({ ...firstVersion(record), ...stored })
      })

      it('counts a row of another life as absent', async () => {
        const record = sampleRecord(user)
        await put(record)
        await put({ ...record, envelope: sampleEnvelope() })
        const reborn = { ...record, envelope: sampleEnvelope(), userUid: randomBytes(16) }
        expect(await reasonOf(put(reborn, withKeyId(keyId(record))))).to.equal('PRECONDITION_FAILED')
        expect(await remove(reborn)).to.equal(false)
        expect(await put(reborn, absent)).to.include({ version: 1n })
        expect(await store.getRecord(record.recordId, call)).to.deep.equal(firstVersion(reborn))
      })
    })

    describe('preconditions', () => {
      it('absent holds once', async () => {
        const record = sampleRecord(user)
        await put(record, absent)
        expect(await reasonOf(put({ ...record, envelope: sampleEnvelope() }, absent))).to.equal('ALREADY_EXISTS')
        expect(await store.getRecord(record.recordId, call)).to.deep.equal(firstVersion(record))
      })

      it('a key id must be the current one', async () => {
        const first = sampleRecord(user)
        const second = { ...first, envelope: sampleEnvelope() }
        const third = { ...first, envelope: sampleEnvelope() }
        expect(await reasonOf(put(first, withKeyId(randomBytes(16))))).to.equal('PRECONDITION_FAILED')
        await put(first)
        expect(await put(second, withKeyId(keyId(first)))).to.include({ version: 2n })
        expect(await reasonOf(put(third, withKeyId(keyId(first))))).to.equal('PRECONDITION_FAILED')
        expect(await store.getRecord(first.recordId, call)).to.deep.equal({
          ...second,
          version: 2n,
          replacedKeyIds: [keyId(first)],
          firstKeyId: keyId(first),
        })
      })

      it('are decided among writes that arrive together', async () => {
        const record = sampleRecord(user)
        const racers = Array.from({ length: 50 }, () => ({ ...record, envelope: sampleEnvelope() }))
        const outcomes = await Promise.allSettled(racers.map((racer) => put(racer, absent)))
        const winners = racers.filter((_, at) => outcomes[at]?.status === 'fulfilled')
        expect(winners).to.have.length(1)
        expect(await store.getRecord(record.recordId, call)).to.deep.equal(firstVersion(winners[0] as SealedRecord))
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') expect(outcome.reason).to.include({ reason: 'ALREADY_EXISTS' })
        }
      })

      it('that fail, fail their own call alone', async () => {
        const taken = sampleRecord(user)
        await put(taken)
        const others = Array.from({ length: 20 }, () => sampleRecord(user))
        const [failed, ...answers] = await Promise.allSettled([
          put({ ...taken, envelope: sampleEnvelope() }, absent),
          ...others.map((record) => put(record, absent)),
        ])
        expect(failed).to.include({ status: 'rejected' })
        for (const answer of answers) expect(answer).to.include({ status: 'fulfilled' })
        for (const record of others) expect(await store.getRecord(record.recordId, call)).not.to.equal(undefined)
      })

      it('need not be: without one all succeed, each with a version of its own', async () => {
        const record = sampleRecord(user)
        const writes = Array.from({ length: 50 }, () => put({ ...record, envelope: sampleEnvelope() }))
        const versions = (await Promise.all(writes)).map(({ version }) => Number(version))
        expect(versions.sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 50 }, (_, at) => at + 1))
      })

      it('lose no update of many writers', async () => {
        const record = sampleRecord(user)
        const counted = (count: number) => {
          const envelope = sampleEnvelope()
          envelope.writeUInt32BE(count, 100)
          return { ...record, envelope }
        }
        await put(counted(0))

        async function increment(): Promise<void> {
          const current = await store.getRecord(record.recordId, call)
          if (!current) throw new Error('the record is gone')
          const next = counted(current.envelope.readUInt32BE(100) + 1)
          const lost = await put(next, withKeyId(keyId(current))).then(
            () => false,
            (error: VaultError) => error.reason === 'PRECONDITION_FAILED',
          )
          if (lost) await increment()
        }

        async function writer(): Promise<void> {
          for (let times = 0; times < 50; times += 1) await increment()
        }
        await Promise.all(Array.from({ length: 16 }, writer))
        const last = await store.getRecord(record.recordId, call)
        expect(last?.envelope.readUInt32BE(100)).to.equal(16 * 50)
        expect(last?.version).to.equal(16n * 50n + 1n)
      })
    })

    describe('deletes', () => {
      it('say whether there was a record', async () => {
        const record = sampleRecord(user)
        await put(record)
        expect(await remove(record)).to.equal(true)
        expect(await remove(record)).to.equal(false)
        expect(await store.getRecord(record.recordId, call)).to.equal(undefined)
      })

      it('remove only the expected version', async () => {
        const record = sampleRecord(user)
        expect(await remove(record, keyId(record))).to.equal(false)
        await put(record)
        expect(await reasonOf(remove(record, randomBytes(16)))).to.equal('PRECONDITION_FAILED')
        expect(await store.getRecord(record.recordId, call)).not.to.equal(undefined)
        expect(await remove(record, keyId(record))).to.equal(true)
      })

      it('remove a record once, however many race', async () => {
        const record = sampleRecord(user)
        await put(record)
        const deleted = await Promise.all(Array.from({ length: 20 }, () => remove(record, keyId(record))))
        expect(deleted.filter(Boolean)).to.have.length(1)
      })
    })

    describe('lists', () => {
      it('are empty for a user without records', async () => {
        expect(await walk(10)).to.deep.equal([[]])
      })

      it('show everything but the chunks of the envelope', async () => {
        const record = sampleRecord(user)
        await put(record)
        const envelope = record.envelope.subarray(0, 88)
        expect(await walk(10)).to.deep.equal([[{ ...firstVersion(record), envelope }]])
      })

      it('hold each record of the user once, and no other', async () => {
        const records = await putMany(25)
        await put(sampleRecord(sampleUser()))
        for (const edge of [0x00, 0xff]) {
          const recordId = Buffer.concat([user.userPseudonym, Buffer.alloc(36, edge)])
          records.push(sampleRecord(user, { recordId }))
          await put(records.at(-1) as SealedRecord)
        }
        for (const limit of [1, 4, 9, 27, 1000]) {
          const pages = await walk(limit)
          expect(pages).to.have.length(Math.ceil(27 / limit))
          expect(hexIds(pages.flat())).to.have.members(hexIds(records))
        }
      })

      it('end a page before its bytes, but never before its first record', async () => {
        const records = Array.from({ length: 6 }, () => sampleRecord(user, { entryBox: randomBytes(8192) }))
        await Promise.all(records.map((record) => put(record)))
        const { userPseudonym, userUid } = user
        const list = (maxBytes: number) =>
          store.listRecords({ userPseudonym, userUid, now: storeTime, after: undefined, limit: 100, maxBytes }, call)
        expect((await list(20_000)).records).to.have.length(2)
        const least = await list(1)
        expect(least.records).to.have.length(1)
        expect(least.next).not.to.equal(undefined)
      })

      it('leave out rows of another life', async () => {
        const records = await putMany(5)
        await put(sampleRecord({ ...user, userUid: randomBytes(16) }))
        expect(hexIds((await walk(2)).flat())).to.have.members(hexIds(records))
      })

      it('show what is there throughout exactly once, whatever else comes and goes', async () => {
        const staying = await putMany(30)
        let going = await putMany(30)
        const pages = await walk(3, async () => {
          await Promise.all(going.splice(0, 5).map((record) => remove(record)))
          going = [...going, ...(await putMany(4))]
        })
        const shown = hexIds(pages.flat())
        expect(shown).to.include.members(hexIds(staying))
        expect(new Set(shown).size).to.equal(shown.length)
      })

      it('go on after a record that was deleted meanwhile', async () => {
        const records = await putMany(6)
        const shown: SealedRecord[] = []
        const pages = await walk(2, async (page) => {
          if (page > 1) return
          const [first] = await walk(2)
          shown.push(...(first ?? []))
          await Promise.all(shown.map((record) => remove(record)))
        })
        expect(hexIds(pages.flat())).to.have.members(hexIds(records))
      })
    })

    describe('calls that have ended', () => {
      const late: StoreCall = { ...call, deadline: Date.now() - 1 }

      it('write nothing', async () => {
        const record = sampleRecord(user)
        expect(await reasonOf(store.putRecord(putOf(record), endedCall()))).to.equal('CANCELLED')
        expect(await reasonOf(store.putRecord(putOf(record), late))).to.equal('DEADLINE_EXCEEDED')
        expect(await reasonOf(store.insertUser(user, endedCall()))).to.equal('CANCELLED')
        expect(await reasonOf(store.bindKeyring(randomBytes(16), late))).to.equal('DEADLINE_EXCEEDED')
        await put(sampleRecord(sampleUser()))
        expect(await store.getRecord(record.recordId, call)).to.equal(undefined)
        expect(await store.getUser(user.userPseudonym, call)).to.equal(undefined)
      })

      it('delete nothing and read nothing', async () => {
        const record = sampleRecord(user)
        await put(record)
        const { recordId, userUid } = record
        const range = { ...user, now: storeTime, after: undefined, limit: 1, maxBytes: 1 }
        const target = { recordId, userUid, expectKeyId: undefined, now: storeTime }
        expect(await reasonOf(store.deleteRecord(target, endedCall()))).to.equal('CANCELLED')
        expect(await reasonOf(store.getRecord(recordId, late))).to.equal('DEADLINE_EXCEEDED')
        expect(await reasonOf(store.getUser(user.userPseudonym, endedCall()))).to.equal('CANCELLED')
        expect(await reasonOf(store.listRecords(range, late))).to.equal('DEADLINE_EXCEEDED')
        expect(await store.getRecord(recordId, call)).not.to.equal(undefined)
      })

      it('end as cancelled when nobody says why', async () => {
        const aborted = { ...call, signal: AbortSignal.abort() }
        expect(await reasonOf(store.getRecord(recordIdOf(user), aborted))).to.equal('CANCELLED')
      })
    })

    describe('as a whole', () => {
      it('is ready', () => {
        expect(store.health()).to.equal('ready')
      })

      it('keeps everything over a restart', async function () {
        if (!opened.reopen) this.skip()
        const keyring = randomBytes(16)
        await store.bindKeyring(keyring, call)
        await store.insertUser(user, call)
        const records = await putMany(50)
        const [gone, ...kept] = records as [SealedRecord, ...SealedRecord[]]
        await remove(gone)
        store = await opened.reopen()
        expect(await store.meta(call)).to.deep.equal({ format: 1, keyringId: keyring, empty: false })
        expect(await store.getUser(user.userPseudonym, call)).to.deep.equal(user)
        expect(await store.getRecord(gone.recordId, call)).to.equal(undefined)
        for (const record of kept) {
          expect(await store.getRecord(record.recordId, call)).to.deep.equal(firstVersion(record))
        }
      })

      it('finishes the writes under way before it closes, and refuses later ones', async () => {
        const record = sampleRecord(user)
        const writes = Promise.all([put(record), putMany(100)])
        const closing = store.close()
        expect(await reasonOf(put(sampleRecord(user)))).to.equal('STORE_UNAVAILABLE')
        await writes
        await closing
        expect(await reasonOf(store.getRecord(record.recordId, call))).to.equal('STORE_UNAVAILABLE')
      })
    })
  })
}
