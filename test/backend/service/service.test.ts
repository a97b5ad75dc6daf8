import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { openLevelStore } from '../../../src/backend/engines/level/store.js'
import { backendService } from '../../../src/backend/service/service.js'
import type { Store } from '../../../src/backend/store/store.js'
import type { Methods } from '../../../src/core/methods.js'
import type {
  BackendServiceServer,
  SealedRecord,
  StoreEnvelopeRequest,
  UserDocument,
} from '../../../src/gen/encserver/v1/backend.js'
import { noParts } from '../no-parts.js'
import {
  call,
  keyId,
  putInto,
  reasonOf,
  rejection,
  sampleEnvelope,
  sampleKeyCheck,
  sampleRecord,
  sampleUser,
  storeOf,
  storeTime,
  type TempFolder,
  tempFolder,
} from '../samples.js'

const keyringId = randomBytes(16)
const none: Buffer = Buffer.alloc(0)

describe('backend service', () => {
  let folder: TempFolder
  let store: Store
  let service: Methods<BackendServiceServer>
  let user: UserDocument

  beforeEach(async () => {
    folder = await tempFolder()
    store = await openLevelStore({ folder: folder.path })
    service = backendService({ store, parts: noParts, now: () => storeTime })
    user = sampleUser()
  })
  afterEach(async () => {
    await store.close()
    await folder.remove()
  })

  /** A record as a front end sends it. */
  function sealed(owner = user, changes: Partial<SealedRecord> = {}): SealedRecord {
    return sampleRecord(owner, { storeTime: undefined, ...changes })
  }

  function storeEnvelope(record: SealedRecord, changes: Partial<StoreEnvelopeRequest> = {}) {
    return service.storeEnvelope(storeOf(record, { keyringId, ...changes }), call)
  }

  /** The first write of the user. */
  function storeFirst(record: SealedRecord, owner = user) {
    return storeEnvelope(record, { newUser: owner })
  }

  const lifeOf = async ({ recordId }: SealedRecord) => (await store.getRecord(recordId, call))?.lifeId
  const retrieve = (...recordIds: Buffer[]) => service.retrieveEnvelope({ recordIds, version: 0n }, call)
  const remove = (recordIds: Buffer[], expectKeyId = none) => service.deleteEnvelope({ recordIds, expectKeyId }, call)
  const stored = async (record: SealedRecord) => ({
    ...record,
    version: 1n,
    storeTime,
    lifeId: await lifeOf(record),
  })

  describe('storeEnvelope', () => {
    it('stores a first record with its user', async () => {
      const record = sealed()
      const { result } = await storeFirst(record)
      expect(result).to.deep.equal({ $case: 'stored', value: { version: 1n, storeTime } })
      expect(await retrieve(record.recordId)).to.deep.equal({ record: await stored(record), user })
    })

    it('stores under the user that is there', async () => {
      await storeFirst(sealed())
      expect((await storeEnvelope(sealed())).result).to.include({ $case: 'stored' })
    })

    it('writes nothing for a user that is not there', async () => {
      const record = sealed()
      expect(await storeEnvelope(record)).to.deep.equal({ result: { $case: 'userAbsent', value: {} } })
      expect(await store.getRecord(record.recordId, call)).to.equal(undefined)
    })

    it('writes nothing under another life, and returns the live user', async () => {
      await storeFirst(sealed())
      const other = { ...user, userUid: randomBytes(16) }
      for (const newUser of [undefined, other]) {
        const record = sealed(other)
        expect(await storeEnvelope(record, { newUser })).to.deep.equal({
          result: { $case: 'currentUser', value: user },
        })
        expect(await store.getRecord(record.recordId, call)).to.equal(undefined)
      }
    })

    it('lets one of many racing first stores win, and shows the others the winner', async () => {
      const racers = Array.from({ length: 30 }, () => ({ ...sampleUser(), userPseudonym: user.userPseudonym }))
      const answers = await Promise.all(racers.map((racer) => storeFirst(sealed(racer), racer)))
      const current = await store.getUser(user.userPseudonym, call)
      const [won, lost] = [true, false].map((wins) =>
        answers.filter(({ result }) => (result?.$case === 'stored') === wins),
      )
      expect(won).to.have.length(1)
      for (const { result } of lost ?? []) expect(result).to.deep.equal({ $case: 'currentUser', value: current })
    })

    it('answers a retried call as it answered the first', async () => {
      const record = sealed()
      const precondition = { condition: { $case: 'absent', value: true } } as const
      const first = await storeEnvelope(record, { newUser: user, precondition })
      expect(await storeEnvelope(record, { newUser: user, precondition })).to.deep.equal(first)
    })

    it('holds preconditions', async () => {
      const record = sealed()
      await storeFirst(record)
      const next = { ...record, envelope: sampleEnvelope() }
      const absent = { condition: { $case: 'absent', value: true } } as const
      const stale = { condition: { $case: 'keyId', value: randomBytes(16) } } as const
      const current = { condition: { $case: 'keyId', value: keyId(record) } } as const
      expect(await reasonOf(storeEnvelope(next, { precondition: absent }))).to.equal('ALREADY_EXISTS')
      expect(await reasonOf(storeEnvelope(next, { precondition: stale }))).to.equal('PRECONDITION_FAILED')
      const { result } = await storeEnvelope(next, { precondition: current })
      expect(result).to.deep.equal({ $case: 'stored', value: { version: 2n, storeTime } })
    })

    it('starts at version 1 over a row of a former life', async () => {
      const record = sealed()
      const former = sampleRecord(sampleUser(), { recordId: record.recordId })
      await store.bindKeyring(keyringId, call)
      await putInto(store, former)
      expect(await retrieve(record.recordId)).to.deep.equal({ record: undefined, user: undefined })
      const { result } = await storeFirst(record)
      expect(result).to.deep.equal({ $case: 'stored', value: { version: 1n, storeTime } })
    })

    it('refuses another keyring, before and after a restart of the service', async () => {
      await storeFirst(sealed())
      for (const backend of [service, backendService({ store, parts: noParts })]) {
        const request = storeOf(sealed(), { newUser: user, keyringId: randomBytes(16) })
        expect(await reasonOf(backend.storeEnvelope(request, call))).to.equal('KEYRING_MISMATCH')
      }
    })

    it('lets one of two keyrings that race win', async () => {
      const keyrings = [keyringId, randomBytes(16)]
      const outcomes = await Promise.allSettled(
        keyrings.map((id) => storeEnvelope(sealed(), { newUser: user, keyringId: id })),
      )
      expect(outcomes.map(({ status }) => status)).to.have.members(['fulfilled', 'rejected'])
    })

    it('binds the keys of the first write with them, and refuses others before it writes anything', async () => {
      const [first, second] = [sampleKeyCheck(1, 1), sampleKeyCheck(2, 1)]
      await storeEnvelope(sealed(), { newUser: user, keyChecks: [first, second] })
      expect((await service.getStoreInfo({}, call)).keyChecks).to.deep.equal([first, second])
      for (const backend of [service, backendService({ store, parts: noParts })]) {
        for (const [keyChecks, name] of [
          [[sampleKeyCheck(1, 1), second], 'pseudonym key 1'],
          [[first, sampleKeyCheck(2, 1)], 'key-encryption key 1'],
          [[sampleKeyCheck(2, 9), sampleKeyCheck(1, 1)], 'pseudonym key 1'],
        ] as const) {
          const other = sampleUser()
          const record = sealed(other)
          const request = storeOf(record, { newUser: other, keyringId, keyChecks: [...keyChecks] })
          const { reason, message } = await rejection(backend.storeEnvelope(request, call))
          expect(reason).to.equal('KEYRING_MISMATCH')
          expect(message).to.equal(`${name} of the keyring is not the key that this store was written with`)
          expect(await store.getRecord(record.recordId, call)).to.equal(undefined)
          expect(await store.getUser(other.userPseudonym, call)).to.equal(undefined)
        }
      }
      expect((await service.getStoreInfo({}, call)).keyChecks).to.deep.equal([first, second])
    })

    it('binds a further key at its first use, and the same keys again and again', async () => {
      const [first, second, third] = [sampleKeyCheck(1, 1), sampleKeyCheck(2, 1), sampleKeyCheck(2, 2)]
      for (const keyChecks of [[first, second], [first, second], [first, third], [first, second], []]) {
        expect((await storeEnvelope(sealed(), { newUser: user, keyChecks })).result).to.include({ $case: 'stored' })
      }
      expect((await service.getStoreInfo({}, call)).keyChecks).to.deep.equal([first, second, third])
    })

    it('lets one of two front ends win that race with other keys of one keyring, and stores nothing of the loser', async () => {
      const racers = [1, 2].map(() => ({
        keyChecks: [sampleKeyCheck(1, 1), sampleKeyCheck(2, 1)],
        owner: sampleUser(),
      }))
      const outcomes = await Promise.allSettled(
        racers.flatMap(({ keyChecks, owner }) =>
          Array.from({ length: 10 }, () => storeEnvelope(sealed(owner), { newUser: owner, keyChecks })),
        ),
      )
      const won = outcomes.map(({ status }) => status === 'fulfilled')
      const winner = won[0] ? 0 : 1
      expect(won).to.deep.equal(won.map((_, at) => Math.floor(at / 10) === winner))
      expect((await service.getStoreInfo({}, call)).keyChecks).to.deep.equal(racers[winner]!.keyChecks)
      expect(await store.getUser(racers[1 - winner]!.owner.userPseudonym, call)).to.equal(undefined)
    })

    it('binds no keyring to rows without one', async () => {
      await store.insertUser(user, call)
      const error = await rejection(storeFirst(sealed()))
      expect(error.reason).to.equal('KEYRING_MISMATCH')
      expect(error.message).to.equal(
        'the store has records but no keyring is bound to it; restore its meta data from the same backup',
      )
    })
  })

  describe('bindKeyring', () => {
    it('binds the keys of a store that has a keyring only, and answers the same the second time', async () => {
      await storeFirst(sealed())
      const keyChecks = [sampleKeyCheck(1, 1), sampleKeyCheck(2, 1), sampleKeyCheck(2, 2)]
      for (let i = 0; i < 2; i += 1) expect(await service.bindKeyring({ keyringId, keyChecks }, call)).to.deep.equal({})
      expect((await service.getStoreInfo({}, call)).keyChecks).to.deep.equal(keyChecks)
    })

    it('refuses another keyring and other keys, and binds none of them', async () => {
      await storeFirst(sealed())
      const keyChecks = [sampleKeyCheck(1, 1)]
      await service.bindKeyring({ keyringId, keyChecks }, call)
      for (const request of [
        { keyringId: randomBytes(16), keyChecks },
        { keyringId, keyChecks: [sampleKeyCheck(1, 1), sampleKeyCheck(2, 1)] },
      ]) {
        expect(await reasonOf(service.bindKeyring(request, call))).to.equal('KEYRING_MISMATCH')
      }
      expect((await service.getStoreInfo({}, call)).keyChecks).to.deep.equal(keyChecks)
    })

    it('says when a store has as many keys as it can have', async () => {
      const keyChecks = Array.from({ length: 256 }, (_, at) => sampleKeyCheck(2, at + 1))
      await service.bindKeyring({ keyringId, keyChecks }, call)
      const { message } = await rejection(service.bindKeyring({ keyringId, keyChecks: [sampleKeyCheck(1, 1)] }, call))
      expect(message).to.equal('the store is bound to 256 keys, and can be bound to 256')
    })
  })

  /** A user moved to a new pseudonym key: the same life under both, and a record id of each. */
  async function movedUser() {
    const old = user
    const moved = { ...user, userPseudonym: randomBytes(36) }
    const [older, newer] = [sealed(old), sealed(moved)]
    await storeFirst(older, old)
    await storeFirst(newer, moved)
    return { old, moved, older, newer, ids: [newer.recordId, older.recordId] }
  }

  describe('retrieveEnvelope', () => {
    it('returns neither record nor user when there is none', async () => {
      expect(await retrieve(sealed().recordId)).to.deep.equal({ record: undefined, user: undefined })
    })

    it('returns the user without the record', async () => {
      await storeFirst(sealed())
      expect(await retrieve(sealed().recordId)).to.deep.equal({ record: undefined, user })
    })

    it('returns the newest of several', async () => {
      const { moved, newer, ids } = await movedUser()
      expect(await retrieve(...ids)).to.deep.equal({ record: await stored(newer), user: moved })
    })

    it('looks behind an id that has nothing, or a row of another life', async () => {
      const { moved, older, newer, ids } = await movedUser()
      await store.deleteRecord({ ...newer, expectKeyId: undefined, now: undefined }, call)
      expect(await retrieve(...ids)).to.deep.equal({ record: await stored(older), user: moved })
      await putInto(store, { ...newer, userUid: randomBytes(16) })
      expect(await retrieve(...ids)).to.deep.equal({ record: await stored(older), user: moved })
    })
  })

  describe('deleteEnvelope', () => {
    it('says whether there was a record', async () => {
      const record = sealed()
      expect(await remove([record.recordId])).to.deep.equal({ deleted: false })
      await storeFirst(record)
      expect(await remove([record.recordId])).to.deep.equal({ deleted: true })
      expect(await remove([record.recordId])).to.deep.equal({ deleted: false })
      expect(await retrieve(record.recordId)).to.deep.equal({ record: undefined, user })
    })

    it('removes only the expected version', async () => {
      const record = sealed()
      await storeFirst(record)
      expect(await reasonOf(remove([record.recordId], randomBytes(16)))).to.equal('PRECONDITION_FAILED')
      expect(await remove([record.recordId], keyId(record))).to.deep.equal({ deleted: true })
    })

    it('removes the oldest first', async () => {
      const { older, ids } = await movedUser()
      const order: Buffer[] = []
      const watched = backendService({
        parts: noParts,
        store: {
          ...store,
          deleteRecord(target, context) {
            order.push(target.recordId)
            return store.deleteRecord(target, context)
          },
        },
      })
      expect(await watched.deleteEnvelope({ recordIds: ids, expectKeyId: none }, call)).to.deep.equal({ deleted: true })
      expect(order).to.deep.equal([...ids].reverse())
      expect((await retrieve(older.recordId)).record).to.equal(undefined)
    })

    it('holds the expectation against the first hit, and takes what is behind it too', async () => {
      const { older, newer, ids } = await movedUser()
      expect(await reasonOf(remove(ids, keyId(older)))).to.equal('PRECONDITION_FAILED')
      expect((await retrieve(older.recordId)).record).not.to.equal(undefined)
      expect(await remove(ids, keyId(newer))).to.deep.equal({ deleted: true })
      expect((await retrieve(...ids)).record).to.equal(undefined)
      expect(await remove(ids, keyId(newer))).to.deep.equal({ deleted: false })
    })
  })

  describe('listEnvelopes', () => {
    async function pages(userPseudonyms: Buffer[], pageSize: number): Promise<SealedRecord[][]> {
      const all: SealedRecord[][] = []
      let afterRecordId = none
      do {
        const page = await service.listEnvelopes({ userPseudonyms, pageSize, afterRecordId }, call)
        all.push(page.records)
        afterRecordId = page.nextAfterRecordId
      } while (afterRecordId.length > 0)
      return all
    }

    const hexIds = (records: SealedRecord[]) => records.map(({ recordId }) => recordId.toString('hex'))

    it('has no user and no records for nobody', async () => {
      const request = { userPseudonyms: [user.userPseudonym], pageSize: 10, afterRecordId: none }
      expect(await service.listEnvelopes(request, call)).to.deep.equal({
        records: [],
        user: undefined,
        nextAfterRecordId: none,
      })
    })

    it('cuts envelopes to their header', async () => {
      const record = sealed()
      await storeFirst(record)
      const request = { userPseudonyms: [user.userPseudonym], pageSize: 10, afterRecordId: none }
      expect(await service.listEnvelopes(request, call)).to.deep.equal({
        records: [{ ...(await stored(record)), envelope: record.envelope.subarray(0, 88) }],
        user,
        nextAfterRecordId: none,
      })
    })

    it('walks several pseudonyms, newest first, each record once', async () => {
      const { old, moved, older, newer } = await movedUser()
      const more = [old, old, old, moved, moved].map((owner) => sealed(owner))
      await Promise.all(more.map((record) => storeEnvelope(record)))
      const pseudonyms = [moved.userPseudonym, randomBytes(36), old.userPseudonym]
      for (const pageSize of [1, 2, 3, 4, 7, 1000]) {
        const all = await pages(pseudonyms, pageSize)
        expect(all.map((page) => page.length)).to.satisfy((sizes: number[]) => Math.max(...sizes) <= pageSize)
        const shown = all.flat()
        expect(hexIds(shown)).to.have.members(hexIds([older, newer, ...more]))
        const owners = shown.map(({ recordId }) => recordId.subarray(0, 36).equals(moved.userPseudonym))
        expect(owners).to.deep.equal([true, true, true, false, false, false, false])
      }
    })

    it('ends a page at 1 MiB', async () => {
      const records = Array.from({ length: 150 }, () => sealed(user, { entryBox: randomBytes(8192) }))
      await Promise.all(records.map((record) => storeFirst(record)))
      const all = await pages([user.userPseudonym], 1000)
      expect(all.map((page) => page.length)).to.deep.equal([123, 27])
      expect(hexIds(all.flat())).to.have.members(hexIds(records))
    })
  })

  it('refuses a bad request of every kind before it asks the store', async () => {
    await store.close()
    const bad = [randomBytes(71)]
    const refused = [
      storeEnvelope(sealed(user, { recordId: randomBytes(71) })),
      retrieve(...bad),
      remove(bad),
      service.listEnvelopes({ userPseudonyms: bad, pageSize: 1, afterRecordId: none }, call),
      service.listEnvelopeVersions({ recordIds: bad }, call),
    ]
    for (const each of refused) expect(await reasonOf(each)).to.equal('INVALID_REQUEST')
  })

  describe('getStoreInfo', () => {
    it('says what the store is, before and after the first write', async () => {
      expect(await service.getStoreInfo({}, call)).to.deep.equal({
        format: 2,
        keyringId: none,
        keyChecks: [],
        empty: true,
      })
      await storeFirst(sealed())
      expect(await service.getStoreInfo({}, call)).to.deep.equal({ format: 2, keyringId, keyChecks: [], empty: false })
    })
  })
})
