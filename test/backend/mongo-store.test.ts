import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { expect } from 'chai'
import { BSON, type Document, MongoClient } from 'mongodb'
import { defaultLimits } from '../../src/backend/mongo-client.js'
import { mongoConnection } from '../../src/backend/mongo-connection.js'
import { openMongoStore } from '../../src/backend/mongo-store.js'
import type { Store } from '../../src/backend/store.js'
import { Secret } from '../../src/core/secret.js'
import { describeMongo, everyKind, testMongo } from '../servers/mongo.js'
import { storeContract } from '../store.contract.js'
import { call, rejection, sampleEnvelope, sampleRecord, sampleUser } from './samples.js'

const secret = (uri: string) => new Secret(Buffer.from(uri))

describeMongo('mongo-store', everyKind, () => {
  let admin: MongoClient
  let uri: string

  before(async function () {
    this.timeout(300_000)
    setMaxListeners(0, call.signal) // all calls of a test have this one
    uri = (await testMongo()).uri
    admin = new MongoClient(uri)
  })
  after(() => admin?.close())

  const newDatabase = () => `test-${randomBytes(6).toString('hex')}`
  const open = (database: string) => openMongoStore({ uri: secret(uri), database })

  storeContract('MongoDB', async () => {
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
  })

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

    it('has four collections from the start, with no index but the one on _id', async () => {
      const names = (await admin.db(database).listCollections().toArray()).map(({ name }) => name)
      expect(names.filter((name) => !name.startsWith('system.')).sort()).to.deep.equal([
        'meta',
        'parts',
        'records',
        'users',
      ])
      for (const name of ['meta', 'parts', 'records', 'users']) {
        expect((await collection(name).indexes()).map(({ key }) => key)).to.deep.equal([{ _id: 1 }])
      }
    })

    it('keeps a record as one document under the base64url of its halves', async () => {
      const record = sampleRecord(sampleUser())
      await store.putRecord(record, undefined, call)
      const stored = await collection('records').findOne({}, { promoteBuffers: true, useBigInt64: true })
      const halves = [record.recordId.subarray(0, 36), record.recordId.subarray(36)]
      expect(stored).to.deep.equal({
        _id: halves.map((half) => half.toString('base64url')).join(''),
        keyId: record.envelope.subarray(8, 24),
        userUid: record.userUid,
        version: 1n,
        storeTime: record.storeTime,
        replacedKeyIds: [],
        sizeBytes: 196n,
        envelopeBytes: 300,
        entryBox: record.entryBox,
        header: record.envelope.subarray(0, 88),
        chunks: record.envelope.subarray(88),
      })
    })

    it('keeps a user apart from the records', async () => {
      const user = sampleUser()
      await store.insertUser(user, call)
      const { userPseudonym, ...rest } = user
      const stored = await collection('users').findOne({}, { promoteBuffers: true })
      expect(stored).to.deep.equal({ _id: userPseudonym.toString('base64url'), ...rest })
    })

    it('refuses a store of another format, leaves it as it is, and opens it once the format is a known one', async () => {
      await collection('meta').updateOne({ _id: 'format' }, { $set: { value: 7 } })
      expect(await refusedOpening()).to.equal('the store has format 7; this version knows format 1')
      await collection('meta').updateOne({ _id: 'format' }, { $set: { value: 1 } })
      await (await open(database)).close()
    })

    it('refuses records whose meta collection is lost', async () => {
      await store.putRecord(sampleRecord(sampleUser()), undefined, call)
      await collection('meta').drop()
      expect(await refusedOpening()).to.equal(
        'the store has records but no format number; restore its meta collection from the same backup',
      )
    })

    it('opens a new database once, however many start at a time', async () => {
      const fresh = newDatabase()
      const stores = await Promise.all(Array.from({ length: 5 }, () => open(fresh)))
      await Promise.all(stores.map((each) => each.close()))
      expect(await admin.db(fresh).collection('meta').countDocuments()).to.equal(1)
      await admin.db(fresh).dropDatabase()
    })

    it('ends a page when the server has read enough for it', async () => {
      const user = sampleUser()
      const sizes = Array.from({ length: 40 }, () => 1 << 20)
      const records = sizes.map((bytes) => sampleRecord(user, { envelope: sampleEnvelope(bytes) }))
      for (const record of records) await store.putRecord(record, undefined, call)
      const { userPseudonym, userUid } = user
      const range = { userPseudonym, userUid, limit: 1000, maxBytes: 1 << 20 }
      const first = await store.listRecords({ ...range, after: undefined }, call)
      expect(first.records).to.have.length(32)
      const second = await store.listRecords({ ...range, after: first.next }, call)
      expect(second.next).to.equal(undefined)
      const ids = [...first.records, ...second.records].map(({ recordId }) => recordId.toString('hex'))
      expect(ids).to.have.members(records.map(({ recordId }) => recordId.toString('hex')))
    })

    it('has room for the largest user and the largest record in one document each', async () => {
      const generations = Array.from({ length: 100 }, (_, at) => ({
        generation: at + 1,
        wrappedKey: randomBytes(8192),
        userBind: randomBytes(32),
      }))
      const user = sampleUser({ generations })
      await store.insertUser(user, call)
      expect(await store.getUser(user.userPseudonym, call)).to.deep.equal(user)
      const record = sampleRecord(user, { envelope: sampleEnvelope(4 << 20), entryBox: randomBytes(8192) })
      await store.putRecord(record, undefined, call)
      const stored = await store.getRecord(record.recordId, call)
      expect(stored?.envelope.equals(record.envelope)).to.equal(true)
      const document = await collection('records').findOne({})
      expect(BSON.calculateObjectSize(document as Document)).to.be.lessThan(16 << 20)
    })
  })

  it('keeps its promises whatever the URI says', async () => {
    const weak = `${uri}${uri.includes('?') ? '&' : '/?'}w=0&journal=false&readConcernLevel=local&readPreference=secondary`
    const options = { uri: secret(weak), database: newDatabase(), limits: defaultLimits, changed: () => undefined }
    const connection = mongoConnection(options)
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
    it(`refuses '${uri}' as a URI, without a word of it`, async () => {
      const { reason, message, cause } = await rejection(openMongoStore({ uri: secret(uri), database: 'vault' }))
      expect({ reason, message, cause }).to.deep.equal({
        reason: 'INVALID_REQUEST',
        message: 'the MongoDB URI is not valid (in a password, % : / ? # [ ] @ must be percent-encoded)',
        cause: undefined,
      })
    })
  }

  it('refuses a database name that MongoDB would not take', async () => {
    const { message } = await rejection(openMongoStore({ uri: secret('mongodb://db.example'), database: 'a.b' }))
    expect(message).to.equal("the MongoDB database 'a.b' must be 1 to 63 letters, digits, _ or -")
  })
})
