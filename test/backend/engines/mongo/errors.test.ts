// The translation of server errors, through the real driver: `failCommand` makes the server answer with them.
import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { expect } from 'chai'
import { type Document, MongoClient } from 'mongodb'
import { storeError } from '../../../../src/backend/engines/mongo/errors.js'
import { openMongoStore } from '../../../../src/backend/engines/mongo/store.js'
import type { Store } from '../../../../src/backend/store/store.js'
import type { Reason, VaultError } from '../../../../src/core/errors.js'
import { Secret } from '../../../../src/core/secret.js'
import { describeMongo, type JavaMongo, startJavaMongo } from '../../../servers/mongo.js'
import {
  call,
  putInto,
  reasonOf,
  rejection,
  sampleEnvelope,
  sampleRecord,
  sampleUser,
  storeTime,
  until,
} from '../../samples.js'

describeMongo('mongo-errors', ['mongo-java-server'], () => {
  for (const kind of ['standalone', 'replica-set'] as const) {
    describe(`from a ${kind}`, () => {
      let server: JavaMongo
      let admin: MongoClient
      let store: Store

      before(async function () {
        this.timeout(300_000)
        setMaxListeners(0, call.signal)
        server = await startJavaMongo(...(kind === 'standalone' ? [] : [kind]))
        admin = new MongoClient(server.uri)
        store = await openMongoStore(options())
      })
      after(async () => {
        await store?.close()
        await admin?.close()
        await server?.stop()
      })

      const options = (uri = server.uri) => ({
        uri: new Secret(Buffer.from(uri)),
        database: `test-${randomBytes(6).toString('hex')}`,
        backoff: { firstMs: 20, maxMs: 100 },
      })

      async function fail(command: string, data: Document, times = 1): Promise<void> {
        const failPoint = { mode: { times }, data: { failCommands: [command], ...data } }
        await admin.db('admin').command({ configureFailPoint: 'failCommand', ...failPoint })
      }

      const record = () => sampleRecord(sampleUser())
      const put = (it = record()) => putInto(store, it)

      const answers: [string, number, Reason][] = [
        ['a disk without space', 14031, 'STORE_FULL'],
        ['a user without the right', 13, 'STORE_REFUSED'],
        ['a command that took too long', 50, 'STORE_UNAVAILABLE'],
        ['a primary that steps down', 10107, 'STORE_UNAVAILABLE'],
        ['a server that shuts down', 91, 'STORE_UNAVAILABLE'],
      ]
      for (const [what, errorCode, reason] of answers) {
        it(`turns ${what} into ${reason}`, async () => {
          const { recordId, userUid } = record()
          const calls: [string, () => Promise<unknown>][] = [
            ['insert', () => put()],
            [
              'findAndModify',
              () => store.deleteRecord({ recordId, userUid, expectKeyId: undefined, now: storeTime }, call),
            ],
            ['find', () => store.getRecord(recordId, call)],
          ]
          for (const [command, work] of calls) {
            await fail(command, { errorCode }, command === 'find' ? 2 : 1) // the driver retries a read once
            expect(await rejection(work())).to.include({
              reason,
              retryAfterMs: reason === 'STORE_REFUSED' ? undefined : 1000,
            })
            await admin.db('admin').command({ configureFailPoint: 'failCommand', mode: 'off' })
            await work()
          }
        })
      }

      it('does not report a write without a majority as stored, and finds it by its key id if it stayed', async () => {
        const first = record()
        const second = { ...first, envelope: sampleEnvelope() }
        for (const [command, write, version] of [
          ['insert', first, 1n],
          ['update', second, 2n],
        ] as const) {
          await fail(command, { writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' } })
          expect(await reasonOf(put(write))).to.equal('STORE_UNAVAILABLE')
          expect(await put(write)).to.include({ version })
        }
      })

      it('names the missing right when it opens', async () => {
        for (const command of ['create', 'find', 'insert']) {
          await fail(command, { errorCode: 13 })
          const { reason, message } = await rejection(openMongoStore({ ...options(), database: 'vault' }))
          expect(reason).to.equal('STORE_REFUSED')
          expect(message).to.equal(
            "MongoDB's user lacks a right on the database of the vault; docs/operations/mongodb.md has the role it needs",
          )
        }
      })

      it('reports a wrong password when it opens, without quoting it', async () => {
        await fail('create', { errorCode: 18 })
        const { reason, message } = await rejection(openMongoStore(options()))
        expect(reason).to.equal('STORE_REFUSED')
        expect(message).to.equal('MongoDB refuses the user or the password of the URI')
      })

      it('reports a later problem for the operator once, and becomes ready when it is solved', async () => {
        await fail('create', { errorCode: 189 }) // a primary that steps down, which is transient
        const reported: VaultError[] = []
        const opening = openMongoStore({ ...options(), report: (problem) => reported.push(problem) })
        const late = await opening
        expect(late.health()).to.equal('STORE_UNAVAILABLE')
        await fail('create', { errorCode: 13 }, 3)
        await until(() => late.health() === 'ready')
        expect(reported.map(({ message }) => message)).to.have.length(1)
        await late.close()
      })
    })
  }

  describe('with a driver that retries', () => {
    let server: JavaMongo

    before(async () => {
      server = await startJavaMongo('replica-set')
    })
    after(() => server?.stop())

    it('writes once when the primary steps down before the write', async () => {
      const admin = new MongoClient(server.uri)
      const store = await openMongoStore({ uri: new Secret(Buffer.from(server.uri)), database: 'vault' })
      const data = { failCommands: ['insert'], errorCode: 10107, errorLabels: ['RetryableWriteError'] }
      await admin.db('admin').command({ configureFailPoint: 'failCommand', mode: { times: 1 }, data })
      const stored = await putInto(store, sampleRecord(sampleUser()))
      expect(stored.version).to.equal(1n)
      await store.close()
      await admin.close()
    })
  })
})

describe('storeError', () => {
  it('leaves a bug as it is', () => {
    const bug = new TypeError('x is not a function')
    expect(storeError(bug)).to.equal(bug)
  })

  it('recognises a host name that does not resolve', () => {
    const error = Object.assign(new Error('querySrv ENOTFOUND'), { code: 'ENOTFOUND', syscall: 'querySrv' })
    expect(storeError(error)).to.include({ reason: 'STORE_UNAVAILABLE', cause: error })
  })
})
