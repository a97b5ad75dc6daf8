import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { parseToken } from '../../../src/frontend/crypto/token.js'
import type { Backend } from '../../../src/frontend/upstream/backend.js'
import { KeyMode } from '../../../src/gen/encserver/v1/frontend.js'
import { answer, macsDuring, reasonOf } from '../refusal.js'
import { type FrontEnd, openWorld, type World } from '../world.js'

const data = Buffer.from('The quick brown fox jumps over the lazy dog.')
const { KEY_MODE_CLIENT: client, KEY_MODE_SERVER: server, KEY_MODE_SPLIT: split } = KeyMode

describe('the front end service', () => {
  let world: World
  let frontEnd: FrontEnd
  let user = 0
  const newUser = () => `user-${++user}@example.test`

  before(async () => {
    world = await openWorld()
    frontEnd = world.frontEnd()
  })
  after(() => world.close())

  for (const writeSuite of ['aes-256-gcm', 'chacha20-poly1305'] as const) {
    for (const [name, keyMode] of Object.entries({ client, server, split })) {
      describe(`in mode ${name} under ${writeSuite}`, () => {
        let writer: FrontEnd
        before(() => {
          writer = world.frontEnd({ config: { writeSuite } })
        })

        it('gives back a named and an unnamed record, to any front end of the keyring', async () => {
          const userId = newUser()
          for (const recordName of ['', 'passport-scan']) {
            const contents = Buffer.concat([data, Buffer.from(recordName)])
            const stored = await writer.store({ userId, recordName, data: contents, keyMode })
            const request = { userId, recordName, recordKey: stored.recordKey }
            for (const reader of [writer, frontEnd]) {
              const { data: read, record } = await reader.retrieve(request)
              expect(read).to.deep.equal(contents)
              expect(record).to.deep.include({ recordName, version: 1n, keyMode, sizeBytes: BigInt(contents.length) })
              expect(record?.keyId).to.deep.equal(stored.keyId)
              expect(record?.storeTime).to.deep.equal(stored.storeTime)
            }
          }
        })

        it('answers with a token exactly when the caller holds a part of the key', async () => {
          const { recordKey, keyId } = await writer.store({ userId: newUser(), data, keyMode })
          if (keyMode === server) expect(recordKey).to.equal('')
          else expect(parseToken(recordKey)).to.deep.include({ mode: keyMode, keyId })
        })

        it('opens a record only with the associated data it was stored with', async () => {
          const userId = newUser()
          const callerAad = randomBytes(40)
          const { recordKey } = await writer.store({ userId, data, keyMode, callerAad })
          expect((await frontEnd.retrieve({ userId, recordKey, callerAad })).data).to.deep.equal(data)
          for (const other of [Buffer.alloc(0), callerAad.subarray(1), randomBytes(40)]) {
            const refused = reasonOf(frontEnd.retrieve({ userId, recordKey, callerAad: other }))
            expect(await refused).to.equal('RECORD_KEY_MISMATCH')
          }
        })

        it('stores nothing, one byte, whole chunks and what lies around them', async () => {
          const small = world.frontEnd({ config: { writeSuite, chunkLog2: 12 } })
          const userId = newUser()
          await Promise.all(
            [0, 1, 4095, 4096, 4097, 8192, 20_000].map(async (size) => {
              const contents = randomBytes(size)
              const recordName = `${size}`
              const { recordKey } = await small.store({ userId, recordName, data: contents, keyMode })
              const read = await frontEnd.retrieve({ userId, recordName, recordKey })
              expect(read.data).to.deep.equal(contents)
              expect(read.record?.sizeBytes).to.equal(BigInt(size))
            }),
          )
        })
      })
    }
  }

  it('begins sixteen records in a turn', async () => {
    let reached = 0
    const { storeEnvelope } = world.backend
    const counting: Backend = {
      ...world.backend,
      storeEnvelope(request, call) {
        reached += 1
        return storeEnvelope(request, call)
      },
    }
    const paced = world.frontEnd({ backend: counting })
    const userId = newUser()
    await paced.store({ userId, data })
    reached = 0
    const all = Array.from({ length: 40 }, (_, at) => paced.store({ userId, recordName: `${at}`, data }))
    for (let step = 0; step < 100; step += 1) await undefined // whatever this turn does by itself
    expect(reached).to.equal(16)
    await Promise.all(all)
    expect(reached).to.equal(40)
  })

  it('uses the configured mode when a request names none', async () => {
    for (const [keyMode, number] of Object.entries({ client, server, split }) as ['client', KeyMode][]) {
      const userId = newUser()
      const { recordKey } = await world.frontEnd({ config: { keyMode } }).store({ userId, data })
      expect((await frontEnd.retrieve({ userId, recordKey })).record?.keyMode).to.equal(number)
    }
    const { recordKey } = await frontEnd.store({ userId: newUser(), data })
    expect(parseToken(recordKey).mode).to.equal(split)
  })

  it('keeps the records of one name of two users, and two names of one user, apart', async () => {
    const [one, other] = [newUser(), newUser()]
    const stored = async (userId: string, recordName: string) => {
      const contents = Buffer.from(`${userId}/${recordName}`)
      return { userId, recordName, contents, ...(await frontEnd.store({ userId, recordName, data: contents })) }
    }
    const all = [await stored(one, 'a'), await stored(one, 'b'), await stored(other, 'a'), await stored(one, '')]
    for (const { userId, recordName, recordKey, contents } of all) {
      expect((await frontEnd.retrieve({ userId, recordName, recordKey })).data).to.deep.equal(contents)
    }
  })

  it('counts versions, and the token of an overwritten version opens nothing', async () => {
    const userId = newUser()
    const first = await frontEnd.store({ userId, data })
    const second = await frontEnd.store({ userId, data: Buffer.from('second') })
    expect([first.version, second.version]).to.deep.equal([1n, 2n])
    expect(first.keyId.equals(second.keyId)).to.equal(false)
    expect(await answer(frontEnd.retrieve({ userId, recordKey: first.recordKey }))).to.deep.equal({
      code: 7,
      reason: 'RECORD_KEY_MISMATCH',
      message: 'the record key does not open this record',
      fields: [],
      retryAfterMs: undefined,
    })
    const { data: read, record } = await frontEnd.retrieve({ userId, recordKey: second.recordKey })
    expect([read.toString(), record?.version]).to.deep.equal(['second', 2n])
  })

  it('makes a new life of a record after a delete', async () => {
    const userId = newUser()
    const { recordKey } = await frontEnd.store({ userId, data })
    expect(await frontEnd.delete({ userId })).to.deep.equal({ deleted: true })
    expect(await reasonOf(frontEnd.retrieve({ userId, recordKey }))).to.equal('RECORD_NOT_FOUND')
    expect((await frontEnd.store({ userId, data })).version).to.equal(1n)
    expect(await reasonOf(frontEnd.retrieve({ userId, recordKey }))).to.equal('RECORD_KEY_MISMATCH')
  })

  describe('with a precondition', () => {
    const absent = { condition: { $case: 'absent', value: true } } as const
    const keyIdIs = (value: Buffer) => ({ condition: { $case: 'keyId', value } }) as const

    it('stores on `absent` once', async () => {
      const userId = newUser()
      const { recordKey } = await frontEnd.store({ userId, data, precondition: absent })
      expect(await answer(frontEnd.store({ userId, data: Buffer.from('x'), precondition: absent }))).to.deep.equal({
        code: 6,
        reason: 'ALREADY_EXISTS',
        message: 'there is a record of that name',
        fields: [],
        retryAfterMs: undefined,
      })
      expect((await frontEnd.retrieve({ userId, recordKey })).data).to.deep.equal(data)
    })

    it('lets one of many racing stores on `absent` through', async () => {
      const userId = newUser()
      const outcomes = await Promise.allSettled(
        Array.from({ length: 20 }, () => frontEnd.store({ userId, data, precondition: absent })),
      )
      const won = outcomes.filter(({ status }) => status === 'fulfilled')
      expect(won).to.have.length(1)
    })

    it('stores on the current key id and on no other', async () => {
      const userId = newUser()
      const missing = frontEnd.store({ userId, data, precondition: keyIdIs(randomBytes(16)) })
      expect(await reasonOf(missing)).to.equal('PRECONDITION_FAILED')
      const first = await frontEnd.store({ userId, data })
      const second = await frontEnd.store({ userId, data, precondition: keyIdIs(first.keyId) })
      expect(second.version).to.equal(2n)
      expect(await answer(frontEnd.store({ userId, data, precondition: keyIdIs(first.keyId) }))).to.deep.equal({
        code: 10,
        reason: 'PRECONDITION_FAILED',
        message: 'the record has another version than expected',
        fields: [],
        retryAfterMs: undefined,
      })
    })

    it('retrieves the expected version and no other', async () => {
      const userId = newUser()
      const first = await frontEnd.store({ userId, data, keyMode: server })
      expect((await frontEnd.retrieve({ userId, expectKeyId: first.keyId })).data).to.deep.equal(data)
      await frontEnd.store({ userId, data, keyMode: server })
      const moved = reasonOf(frontEnd.retrieve({ userId, expectKeyId: first.keyId }))
      expect(await moved).to.equal('PRECONDITION_FAILED')
    })

    it('deletes the expected version and no other', async () => {
      const userId = newUser()
      const first = await frontEnd.store({ userId, data })
      const second = await frontEnd.store({ userId, data })
      const stale = frontEnd.delete({ userId, expectKeyId: first.keyId })
      expect(await reasonOf(stale)).to.equal('PRECONDITION_FAILED')
      expect((await frontEnd.retrieve({ userId, recordKey: second.recordKey })).data).to.deep.equal(data)
      expect(await frontEnd.delete({ userId, expectKeyId: second.keyId })).to.deep.equal({ deleted: true })
    })
  })

  it('refuses to delete a missing record, unless that is allowed', async () => {
    const userId = newUser()
    const notThere = {
      code: 5,
      reason: 'RECORD_NOT_FOUND',
      message: 'no such record',
      fields: [],
      retryAfterMs: undefined,
    }
    expect(await answer(frontEnd.delete({ userId }))).to.deep.equal(notThere)
    expect(await frontEnd.delete({ userId, allowMissing: true })).to.deep.equal({ deleted: false })
    await frontEnd.store({ userId, data })
    expect(await answer(frontEnd.delete({ userId, recordName: 'other' }))).to.deep.equal(notThere)
    const expectKeyId = randomBytes(16)
    expect(await frontEnd.delete({ userId, recordName: 'other', expectKeyId, allowMissing: true })).to.deep.equal({
      deleted: false,
    })
  })

  it('opens a record with the token of its own mode only', async () => {
    const userId = newUser()
    const { recordKey } = await frontEnd.store({ userId, data, keyMode: split })
    expect(await reasonOf(frontEnd.retrieve({ userId }))).to.equal('RECORD_KEY_MISMATCH')
    await frontEnd.store({ userId, data, keyMode: server })
    expect(await reasonOf(frontEnd.retrieve({ userId, recordKey }))).to.equal('RECORD_KEY_MISMATCH')
    expect((await frontEnd.retrieve({ userId })).data).to.deep.equal(data)
  })

  it('costs no more derivations than it must', async () => {
    // Two pseudonyms; entry and envelope, two each; the combiner of split.
    const costs = {
      client: { store: 6, retrieve: 6 },
      server: { store: 6, retrieve: 6 },
      split: { store: 7, retrieve: 7 },
    }
    for (const [name, keyMode] of Object.entries({ client, server, split }) as ['client', KeyMode][]) {
      const userId = newUser()
      await frontEnd.store({ userId, data, keyMode })
      let recordKey = ''
      const store = await macsDuring(async () => {
        recordKey = (await frontEnd.store({ userId, data, keyMode })).recordKey
      })
      const retrieve = await macsDuring(() => frontEnd.retrieve({ userId, recordKey }))
      expect({ store, retrieve }, name).to.deep.equal(costs[name])
    }
    expect(await macsDuring(() => frontEnd.list({ userId: newUser() })), 'list').to.equal(1)
    expect(await macsDuring(() => frontEnd.delete({ userId: newUser(), allowMissing: true })), 'delete').to.equal(2)
  })
})
