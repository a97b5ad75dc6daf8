import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { expect } from 'chai'
import { BSON, type Document, MongoClient } from 'mongodb'
import { type MongoStore, openMongoStore } from '../../../../src/backend/engines/mongo/store.js'
import { Secret } from '../../../../src/core/secret.js'
import { partStoreContract } from '../../../part-store.contract.js'
import { describeMongo, everyKind, patientLimits, testMongo } from '../../../servers/mongo.js'
import { call, reasonOf, sampleSet } from '../../samples.js'

describeMongo('mongo-part-store', everyKind, () => {
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
  const open = (database: string) =>
    openMongoStore({ uri: new Secret(Buffer.from(uri)), database, limits: patientLimits })

  partStoreContract('MongoDB', async () => {
    const database = newDatabase()
    let store = await open(database)
    return {
      parts: store.parts,
      async reopen() {
        await store.close()
        store = await open(database)
        return store.parts
      },
      async cleanup() {
        await store.close()
        await admin.db(database).dropDatabase()
      },
    }
  })

  describe('in its database', () => {
    let database: string
    let store: MongoStore

    beforeEach(async () => {
      database = newDatabase()
      store = await open(database)
    })
    afterEach(async () => {
      await store.close()
      await admin.db(database).dropDatabase()
    })

    const documents = () => admin.db(database).collection<Document & { _id: string }>('parts')

    it('keeps a part as one document whose _id is its record id, key id and number', async () => {
      const set = sampleSet()
      const data = randomBytes(50)
      await store.parts.put({ ...set, partNumber: 0xabc, data }, call)
      const { storeTime, ...rest } = (await documents().findOne({}, { promoteBuffers: true })) ?? expect.fail('none')
      expect(storeTime).to.be.instanceOf(Date)
      expect(rest).to.deep.equal({
        _id: `${set.recordId.toString('base64url')}.${set.setId.toString('hex')}.00abc`,
        data,
      })
    })

    it('keeps the largest part in one document', async () => {
      await store.parts.put({ ...sampleSet(), partNumber: 2 ** 20 - 1, data: randomBytes(2 << 20) }, call)
      expect(BSON.calculateObjectSize((await documents().findOne({})) as Document)).to.be.lessThan(16 << 20)
    })

    it('lists and removes sets with more parts than one query reads, and only those', async () => {
      const [set, other] = [sampleSet(), sampleSet()]
      const numbers = Array.from({ length: 200 }, (_, at) => at)
      await Promise.all(numbers.map((partNumber) => store.parts.put({ ...set, partNumber, data: Buffer.of(1) }, call)))
      await store.parts.put({ ...other, partNumber: 0, data: Buffer.of(2) }, call)
      const future = new Date(Date.now() + 3_600_000)
      const last = `${set.recordId.toString('base64url')}.${set.setId.toString('hex')}.000c0`
      await documents().updateOne({ _id: last }, { $set: { storeTime: future } })
      expect(await store.parts.newest(set, call)).to.deep.equal(future)
      await store.parts.remove(set, call)
      expect(await documents().countDocuments()).to.equal(1)
      expect(await store.parts.state(other, call)).to.include({ count: 1 })
    })

    it('refuses calls once its store is closed', async () => {
      await store.close()
      expect(await reasonOf(store.parts.state(sampleSet(), call))).to.equal('STORE_UNAVAILABLE')
    })
  })
})
