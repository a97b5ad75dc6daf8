import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { expect } from 'chai'
import { BSON, type Document, MongoClient } from 'mongodb'
import { defaultLimits } from '../../../../src/backend/engines/mongo/client.js'
import { collectionsOf } from '../../../../src/backend/engines/mongo/collections.js'
import { newConnection } from '../../../../src/backend/engines/mongo/connection.js'
import { raiseDeleteWatermark } from '../../../../src/backend/engines/mongo/delete-watermarks.js'
import { encodeId, recordRow } from '../../../../src/backend/engines/mongo/documents.js'
import { putRecord } from '../../../../src/backend/engines/mongo/records.js'
import { openMongoStore } from '../../../../src/backend/engines/mongo/store.js'
import { refersTo } from '../../../../src/backend/record/versions.js'
import { endOfTime, type Store } from '../../../../src/backend/store/store.js'
import { Secret } from '../../../../src/core/secret.js'
import { lifeContract } from '../../../life.contract.js'
import { describeMongo, everyKind, patientLimits, testMongo } from '../../../servers/mongo.js'
import { storeContract } from '../../../store.contract.js'
import {
  call,
  firstVersion,
  headerOf,
  keyId,
  nextVersion,
  putInto,
  putOf,
  rejection,
  sameKeyId,
  sampleEnvelope,
  sampleRecord,
  sampleUser,
  storeTime,
} from '../../samples.js'

const secret = (uri: string) => new Secret(Buffer.from(uri))

describeMongo('mongo-store', everyKind, () => {
  let admin: MongoClient
  let uri: string

  before(async function () {
    this.timeout(300_000)
    setMaxListeners(0, call.signal) // all calls of a test share this signal
    uri = (await testMongo()).uri
    admin = new MongoClient(uri)
  })
  after(() => admin?.close())

  const newDatabase = () => `test-${randomBytes(6).toString('hex')}`
  const open = (database: string) => openMongoStore({ uri: secret(uri), database, limits: patientLimits })

  async function openEmpty() {
    const database = newDatabase()
    let store = await open(database)
    return {
      store,
      async reopen() {
        await store.close()
        store = await open(database)
        return store
      },
      async cleanup() {
        await store.close()
        await admin.db(database).dropDatabase()
      },
    }
  }
  storeContract('MongoDB', openEmpty)
  lifeContract('MongoDB', openEmpty)

  describe('in its database', () => {
    let database: string
    let store: Store

    beforeEach(async () => {
      database = newDatabase()
      store = await open(database)
    })
    afterEach(async () => {
      await store.close()
      await admin.db(database).dropDatabase()
    })

    const collection = (name: string) => admin.db(database).collection<Document & { _id: string }>(name)

    async function refusedOpening(): Promise<string> {
      const { reason, message } = await rejection(open(database))
      expect(reason).to.equal('STORE_FORMAT')
      return message
    }

    it('creates its collections when it opens, with an index on _id and one on the expiry time', async () => {
      const names = (await admin.db(database).listCollections().toArray()).map(({ name }) => name)
      const ours = names.filter((name) => !name.startsWith('system.')).sort()
      expect(ours).to.deep.equal(['deletes', 'meta', 'parts', 'records', 'users', 'versions'])
      for (const name of ours) {
        const indexes = (await collection(name).indexes()).map(({ key, sparse = false }) => ({ key, sparse }))
        const byTime = ['records', 'versions'].includes(name) ? [{ key: { expireTime: 1 }, sparse: true }] : []
        expect(indexes).to.deep.equal([{ key: { _id: 1 }, sparse: false }, ...byTime])
      }
    })

    it('keeps a record as one document whose _id is the base64url of its two pseudonyms', async () => {
      const record = sampleRecord(sampleUser())
      await putInto(store, record)
      const stored = await collection('records').findOne({}, { promoteBuffers: true, useBigInt64: true })
      const halves = [record.recordId.subarray(0, 36), record.recordId.subarray(36)]
      expect(stored).to.deep.equal({
        _id: halves.map((half) => half.toString('base64url')).join(''),
        keyId: record.envelope.subarray(8, 24),
        userUid: record.userUid,
        version: 1n,
        storeTime: record.storeTime,
        replacedKeyIds: [],
        firstKeyId: keyId(record),
        sizeBytes: 196n,
        envelopeBytes: 300,
        entryBox: record.entryBox,
        header: record.envelope.subarray(0, 88),
        chunks: record.envelope.subarray(88),
      })
    })

    it('omits optional fields that a record does not have', async () => {
      const expireTime = new Date('2031-01-01T00:00:00Z')
      const envelope = sampleEnvelope(88)
      await putInto(store, sampleRecord(sampleUser(), { partCount: 3, expireTime, envelope }))
      const stored = await collection('records').findOne({})
      expect(stored).to.include({ partCount: 3, envelopeBytes: 88 }).and.not.have.property('keptVersions')
      expect(stored?.['expireTime']).to.deep.equal(expireTime)
    })

    it('keeps a version under its record id, life id and number', async () => {
      const record = sampleRecord(sampleUser(), { version: 300n, lifeId: Buffer.alloc(16, 0xab) })
      await store.putVersion(record, call)
      const stored = await collection('versions').findOne({})
      const life = 'abababababababababababababababab'
      expect(stored?._id).to.equal(`${record.recordId.toString('base64url')}.${life}.000000000000012c`)
    })

    it('lists and removes versions by the life id in their _id', async () => {
      const record = sampleRecord(sampleUser(), { version: 300n, lifeId: Buffer.alloc(16, 0xab) })
      await store.putVersion(record, call)
      await collection('versions').updateMany({}, { $unset: { firstKeyId: '' } })
      const [listed] = await store.listVersions(record, call)
      expect(listed?.lifeId).to.deep.equal(record.lifeId)
      await store.removeVersion(listed ?? expect.fail('is not listed'), call)
      expect(await collection('versions').countDocuments()).to.equal(0)
    })

    it('reads rows from before versions existed', async () => {
      const record = sampleRecord(sampleUser())
      await putInto(store, record)
      await collection('records').updateOne({}, { $unset: { firstKeyId: '' } })
      const read = await store.getRecord(record.recordId, call)
      expect(read).to.deep.include({
        lifeId: Buffer.alloc(0),
        keptVersions: 0,
        keepVersions: 0,
        partCount: 0,
        expireTime: undefined,
      })
    })

    it('replaces a damaged delete watermark', async () => {
      const { userPseudonym } = sampleUser()
      const until = new Date('2025-03-01T12:00:00.123Z')
      const _id = userPseudonym.toString('base64url')
      for (const damaged of [{}, { until: 17 }, { until: null }]) {
        await collection('deletes').replaceOne({ _id }, damaged, { upsert: true })
        expect(await store.getDeleteWatermark(userPseudonym, call)).to.deep.equal(endOfTime)
        await store.raiseDeleteWatermark({ userPseudonym, until, maxUntil: until }, call)
        expect(await store.getDeleteWatermark(userPseudonym, call)).to.deep.equal(until)
      }
    })

    it('raises the delete watermark of a concurrent writer', async () => {
      const { userPseudonym } = sampleUser()
      const [early, until] = [new Date('2025-03-01T12:00:00.123Z'), new Date('2025-03-01T12:00:20.456Z')]
      const collections = collectionsOf(admin.db(database))
      const { deletes } = collections
      const beaten = Object.create(deletes) as typeof deletes
      beaten.updateOne = async (...update) => {
        const updated = await deletes.updateOne(...update)
        if (updated.matchedCount === 0)
          await store.raiseDeleteWatermark({ userPseudonym, until: early, maxUntil: endOfTime }, call)
        return updated
      }
      const note = { userPseudonym, until, maxUntil: endOfTime }
      await raiseDeleteWatermark({ ...collections, deletes: beaten }, note, { call, commandOf: () => ({}) as never })
      expect(await store.getDeleteWatermark(userPseudonym, call)).to.deep.equal(until)
    })

    it('replaces no row whose key id has come back under another header since it was read', async () => {
      const record = firstVersion(sampleRecord(sampleUser()))
      await putInto(store, record)
      const other = { ...sameKeyId(record), version: 1n }
      const { records } = collectionsOf(admin.db(database))
      const beaten = Object.create(records) as typeof records
      let reads = 0
      beaten.findOne = async (...query: unknown[]) => {
        const row = await records.findOne(...(query as [object]))
        reads += 1
        if (reads === 1) await records.replaceOne({ _id: encodeId(record.recordId) }, recordRow(other))
        return row as never
      }
      const put = putOf(nextVersion(record), { precondition: { condition: { $case: 'keyId', value: keyId(record) } } })
      const result = await putRecord(beaten, put, { call, commandOf: () => ({}) as never })
      expect(result?.change?.from?.envelope).to.deep.equal(headerOf(other))
      expect(reads).to.equal(2)
    })

    it('keeps users in a collection of their own', async () => {
      const user = sampleUser()
      await store.insertUser(user, call)
      const { userPseudonym, ...rest } = user
      const stored = await collection('users').findOne({}, { promoteBuffers: true })
      expect(stored).to.deep.equal({ _id: userPseudonym.toString('base64url'), ...rest })
    })

    it('refuses a store of another format and leaves it untouched, until it has the known format', async () => {
      await collection('meta').updateOne({ _id: 'format' }, { $set: { value: 7 } })
      expect(await refusedOpening()).to.equal('the store has format 7; this version knows format 2')
      await collection('meta').updateOne({ _id: 'format' }, { $set: { value: 2 } })
      await (await open(database)).close()
    })

    it('raises a store of format 1 once when many back ends open it together, and keeps its rows', async () => {
      const record = sampleRecord(sampleUser(), { partCount: 1, envelope: sampleEnvelope(88) })
      await putInto(store, record)
      await collection('meta').updateOne({ _id: 'format' }, { $set: { value: 1 } })
      const opened = await Promise.all(Array.from({ length: 4 }, () => open(database)))
      for (const each of opened) {
        expect(await each.meta(call)).to.include({ format: 2 })
        expect(await refersTo(each, { recordId: record.recordId, setId: keyId(record) }, call)).to.equal(true)
        await each.close()
      }
      expect(await collection('meta').findOne({ _id: 'format' })).to.deep.equal({ _id: 'format', value: 2 })
    })

    it('stores a part set id only in the rows that have one', async () => {
      const record = sampleRecord(sampleUser())
      await putInto(store, record)
      const row = await collection('records').findOne({ _id: record.recordId.toString('base64url') })
      expect(row).not.to.have.property('partSetId')
    })

    it('refuses records whose meta collection is lost', async () => {
      await putInto(store, sampleRecord(sampleUser()))
      await collection('meta').drop()
      expect(await refusedOpening()).to.equal(
        'the store has records but no format number; restore its meta collection from the same backup',
      )
    })

    it('prepares a new database once when many back ends open it together', async () => {
      const fresh = newDatabase()
      const stores = await Promise.all(Array.from({ length: 5 }, () => open(fresh)))
      await Promise.all(stores.map((each) => each.close()))
      expect(await admin.db(fresh).collection('meta').countDocuments()).to.equal(1)
      await admin.db(fresh).dropDatabase()
    })

    it('ends a page at the scan limit', async () => {
      const user = sampleUser()
      const sizes = Array.from({ length: 40 }, () => 1 << 20)
      const records = sizes.map((bytes) => sampleRecord(user, { envelope: sampleEnvelope(bytes) }))
      for (const record of records) await putInto(store, record)
      const { userPseudonym, userUid } = user
      const range = { userPseudonym, userUid, now: storeTime, limit: 1000, maxBytes: 1 << 20 }
      const first = await store.listRecords({ ...range, after: undefined }, call)
      expect(first.records).to.have.length(32)
      const second = await store.listRecords({ ...range, after: first.next }, call)
      expect(second.next).to.equal(undefined)
      const ids = [...first.records, ...second.records].map(({ recordId }) => recordId.toString('hex'))
      expect(ids).to.have.members(records.map(({ recordId }) => recordId.toString('hex')))
    })

    it('keeps the largest user and the largest record in one document each', async () => {
      const generations = Array.from({ length: 100 }, (_, at) => ({
        generation: at + 1,
        wrappedKey: randomBytes(8192),
        userBind: randomBytes(32),
      }))
      const user = sampleUser({ generations })
      await store.insertUser(user, call)
      expect(await store.getUser(user.userPseudonym, call)).to.deep.equal(user)
      const record = sampleRecord(user, { envelope: sampleEnvelope(4 << 20), entryBox: randomBytes(8192) })
      await putInto(store, record)
      const stored = await store.getRecord(record.recordId, call)
      expect(stored?.envelope.equals(record.envelope)).to.equal(true)
      const document = await collection('records').findOne({})
      expect(BSON.calculateObjectSize(document as Document)).to.be.lessThan(16 << 20)
    })
  })

  it('keeps its read and write concerns whatever the URI says', async () => {
    const weak = `${uri}${uri.includes('?') ? '&' : '/?'}w=0&journal=false&readConcernLevel=local&readPreference=secondary`
    const options = { uri: secret(weak), database: newDatabase(), limits: defaultLimits, changed: () => undefined }
    const connection = newConnection(options)
    await connection.use(async (database) => {
      const { writeConcern, readConcern, readPreference } = database.collection('records')
      expect(writeConcern).to.include({ w: 'majority', journal: true })
      expect(readConcern).to.include({ level: 'majority' })
      expect(readPreference).to.include({ mode: 'primary' })
    }, call)
    await connection.close()
  })
})

describe('openMongoStore', () => {
  const password = 'hunter2'

  for (const uri of [
    '',
    'http://db.example',
    `mongodb://user:${password}?x@db.example`,
    `mongodb://user:p@ss@${password}/w@db.example`,
    `mongodb://user:${password}@db.example/?nonsense=${password}`,
  ]) {
    it(`refuses '${uri}' as a URI, without quoting it`, async () => {
      const { reason, message, cause } = await rejection(openMongoStore({ uri: secret(uri), database: 'vault' }))
      expect({ reason, message, cause }).to.deep.equal({
        reason: 'INVALID_REQUEST',
        message: 'the MongoDB URI is not valid (in a password, % : / ? # [ ] @ must be percent-encoded)',
        cause: undefined,
      })
    })
  }

  it('refuses a database name that MongoDB does not allow', async () => {
    const { message } = await rejection(openMongoStore({ uri: secret('mongodb://db.example'), database: 'a.b' }))
    expect(message).to.equal("the MongoDB database 'a.b' must be 1 to 63 letters, digits, _ or -")
  })
})
