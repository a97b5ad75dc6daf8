// Kept versions: retrieved with their own tokens, listed, restored; and a back end that lies about them.
import { expect } from 'chai'
import { newClock } from '../../src/core/clock.js'
import { KeyMode } from '../../src/frontend/client.js'
import type { Backend } from '../../src/frontend/upstream/backend.js'
import { settableTime } from '../core/settable-time.js'
import { type KeepingBackend, keepingBackend } from './keeping-backend.js'
import { answer, reasonOf } from './refusal.js'
import { type FrontEnd, instead, openWorld, type World } from './world.js'

const { KEY_MODE_CLIENT: client, KEY_MODE_SERVER: server, KEY_MODE_SPLIT: split } = KeyMode
const recordName = 'r'
const hour = 3_600_000
const notFound = { code: 5, reason: 'RECORD_NOT_FOUND', message: 'no such record', fields: [], retryAfterMs: undefined }
const invalid = (field: string, description: string) => ({
  code: 3,
  reason: 'INVALID_REQUEST',
  message: `${field}: ${description}`,
  fields: [{ field, description }],
  retryAfterMs: undefined,
})

describe('versions of a record', () => {
  let world: World
  let keeping: KeepingBackend
  let frontEnd: FrontEnd
  const start = Date.now()
  let time: ReturnType<typeof settableTime>
  let users = 0

  const opened = (changes: Partial<Backend> = {}) =>
    world.frontEnd({ backend: instead(keeping.backend, changes), clock: newClock(time) })
  before(async () => {
    world = await openWorld()
  })
  after(() => world.close())
  beforeEach(() => {
    time = settableTime(start)
    keeping = keepingBackend(world.backend)
    frontEnd = opened()
  })

  /** Three versions whose contents are their numbers, each with attributes of its own. */
  const threeVersions = async (keyMode: 1 | 2 | 3 = split, expireTimes: (Date | undefined)[] = []) => {
    users += 1
    const userId = `user-${users}`
    const versions = []
    for (const number of [1, 2, 3]) {
      const attributes = { contentType: `text/v${number}`, labels: { number: `${number}` } }
      const expireTime = expireTimes[number - 1]
      const data = Buffer.from(`contents ${number}`)
      const request = { userId, recordName, data, keyMode, attributes, expireTime, callerAad: Buffer.from('aad') }
      versions.push({ ...(await frontEnd.store(request)), attributes, data })
    }
    const [one, two, three] = versions as [(typeof versions)[0], (typeof versions)[0], (typeof versions)[0]]
    const [recordId] = frontEnd.vault.ids.records({ userId, recordName }) as [Buffer]
    const name = { userId, recordName, callerAad: Buffer.from('aad') }
    return { userId, name, versions, one, two, three, rows: keeping.kept(recordId) }
  }

  describe('how many are kept', () => {
    it('is what the request says; what is configured goes along, or one', async () => {
      const three = world.frontEnd({ backend: keeping.backend, config: { keepVersions: 3 } })
      for (const keepVersions of [0, 100]) {
        await frontEnd.store({ userId: 'counted', data: Buffer.from('x'), keepVersions })
        await three.store({ userId: 'counted by three', data: Buffer.from('x'), keepVersions })
      }
      const told = [0, 100].flatMap((keepVersions) => [1, 3].map((configured) => [keepVersions, configured]))
      expect(keeping.keepVersions).to.deep.equal(told)
    })

    it('is at most 100', async () => {
      const refused = invalid('keep_versions', 'must be 1 to 100, or 0 for the number the record has')
      for (const keepVersions of [101, 4_294_967_295, -1, 1.5]) {
        expect(await answer(frontEnd.store({ userId: 'counted', data: Buffer.from('x'), keepVersions }))).to.deep.equal(
          refused,
        )
        const restore = frontEnd.restore({ userId: 'counted', version: 1n, keepVersions })
        expect(await answer(restore)).to.deep.equal(refused)
      }
      expect(keeping.keepVersions).to.deep.equal([])
    })
  })

  for (const [name, keyMode] of Object.entries({ client, server, split })) {
    it(`are opened by number, each with its own token, in mode ${name}`, async () => {
      const { name: request, versions } = await threeVersions(keyMode)
      for (const { version, recordKey, keyId, data, attributes } of versions) {
        const read = await frontEnd.retrieve({ ...request, recordKey, version, expectKeyId: keyId })
        expect(read.data).to.deep.equal(data)
        expect(read.record).to.deep.include({ version, keyId, attributes })
      }
      const [one, two] = versions
      if (keyMode === server) return
      const other = frontEnd.retrieve({ ...request, recordKey: one!.recordKey, version: two!.version })
      expect(await reasonOf(other)).to.equal('RECORD_KEY_MISMATCH')
    })

    it(`become the current one again, in mode ${name}`, async () => {
      const { name: request, one } = await threeVersions(keyMode)
      const restored = await frontEnd.restore({ ...request, recordKey: one.recordKey, version: 1n, keyMode })
      expect(restored.version).to.equal(4n)
      expect(restored.keyId).not.to.deep.equal(one.keyId)
      expect(restored.recordKey === '').to.equal(keyMode === server)
      const { data, record } = await frontEnd.retrieve({ ...request, recordKey: restored.recordKey })
      expect(data).to.deep.equal(one.data)
      expect(record).to.deep.include({ version: 4n, keyId: restored.keyId, attributes: one.attributes, keyMode })
      if (keyMode === server) return
      const old = frontEnd.retrieve({ ...request, recordKey: one.recordKey })
      expect(await reasonOf(old)).to.equal('RECORD_KEY_MISMATCH')
    })
  }

  it('that are not there are not found', async () => {
    const { name: request, three } = await threeVersions()
    const { recordKey } = three
    expect(await answer(frontEnd.retrieve({ ...request, recordKey, version: 9n }))).to.deep.equal(notFound)
    expect(await answer(frontEnd.restore({ ...request, recordKey, version: 9n }))).to.deep.equal(notFound)
    expect(await answer(frontEnd.versions({ userId: 'nobody' }))).to.deep.equal(notFound)
    expect(await answer(frontEnd.versions({ userId: request.userId }))).to.deep.equal(notFound)
  })

  it('are listed, the newest first', async () => {
    const { userId, versions } = await threeVersions()
    const listed = await frontEnd.versions({ userId, recordName })
    expect(listed.unreadableCount).to.equal(0)
    const told = versions.map(({ version, keyId, storeTime, attributes }) => {
      const common = { recordName, keyMode: split, sizeBytes: 10n, expireTime: undefined }
      return { ...common, version, keyId, storeTime, attributes }
    })
    expect(listed.versions).to.deep.equal(told.reverse())
  })

  it('are checked like any request', async () => {
    for (const made of [frontEnd.versions({ userId: '' }), frontEnd.restore({ userId: '', version: 1n })]) {
      const refused = invalid('user_id', 'must be 1 to 1024 bytes of UTF-8, not 0')
      expect(await answer(made)).to.deep.equal(refused)
    }
    const cases: [string, string, Parameters<FrontEnd['restore']>[0]][] = [
      ['version', 'must be the number of a version', { userId: 'u' }],
      ['caller_aad', 'must be at most 65536 bytes, not 65537', { userId: 'u', callerAad: Buffer.alloc(65_537) }],
      ['precondition', 'must hold a condition', { userId: 'u', precondition: { condition: undefined } }],
    ]
    for (const [field, description, request] of cases) {
      expect(await answer(frontEnd.restore(request))).to.deep.equal(invalid(field, description))
    }
    const token = frontEnd.restore({ userId: 'u', version: 1n, recordKey: 'rvk1_x' })
    expect(await reasonOf(token)).to.equal('INVALID_REQUEST')
    const mode = frontEnd.restore({ userId: 'u', version: 1n, keyMode: 9 as KeyMode })
    expect((await answer(mode)).fields).to.have.deep.nested.property('0.field', 'key_mode')
  })

  describe('restored', () => {
    it('may be of another mode, and kept in another number', async () => {
      const { name: request, two } = await threeVersions(client)
      const token = { recordKey: two.recordKey, version: 2n }
      const restored = await frontEnd.restore({ ...request, ...token, keyMode: server, keepVersions: 7 })
      expect(restored.recordKey).to.equal('')
      expect(keeping.keepVersions.at(-1)).to.deep.equal([7, 1])
      expect((await frontEnd.retrieve(request)).data).to.deep.equal(two.data)
      const byDefault = await frontEnd.restore({ ...request, ...token })
      expect((await frontEnd.retrieve({ ...request, recordKey: byDefault.recordKey })).record?.keyMode).to.equal(split)
    })

    it('keep the associated data of their caller', async () => {
      const { name: request, two } = await threeVersions()
      const without = { ...request, callerAad: Buffer.alloc(0) }
      const wrong = frontEnd.restore({ ...without, recordKey: two.recordKey, version: 2n })
      expect(await reasonOf(wrong)).to.equal('RECORD_KEY_MISMATCH')
      const { recordKey } = await frontEnd.restore({ ...request, recordKey: two.recordKey, version: 2n })
      expect(await reasonOf(frontEnd.retrieve({ ...without, recordKey }))).to.equal('RECORD_KEY_MISMATCH')
    })

    it('are held to the precondition', async () => {
      const { name: request, two, three } = await threeVersions()
      const token = { recordKey: two.recordKey, version: 2n }
      const on = (value: Buffer) => ({ precondition: { condition: { $case: 'keyId', value } as const } })
      expect(await reasonOf(frontEnd.restore({ ...request, ...token, ...on(two.keyId) }))).to.equal(
        'PRECONDITION_FAILED',
      )
      expect((await frontEnd.restore({ ...request, ...token, ...on(three.keyId) })).version).to.equal(4n)
    })

    it('are those of the key id that was expected, or refused', async () => {
      for (const keyMode of [server, split] as const) {
        const { name: request, two, three } = await threeVersions(keyMode)
        const token = { recordKey: two.recordKey, version: 2n }
        const other = frontEnd.restore({ ...request, ...token, expectKeyId: three.keyId })
        expect(await reasonOf(other)).to.equal('PRECONDITION_FAILED')
        const short = await answer(frontEnd.restore({ ...request, ...token, expectKeyId: Buffer.alloc(15) }))
        expect(short).to.deep.equal(invalid('expect_key_id', 'must be 16 bytes, not 15'))
        expect((await frontEnd.restore({ ...request, ...token, expectKeyId: two.keyId })).version).to.equal(4n)
      }
    })

    it('expire when they would have', async () => {
      const expireTime = new Date(start + hour)
      const { name: request, one } = await threeVersions(split, [expireTime])
      const { recordKey } = await frontEnd.restore({ ...request, recordKey: one.recordKey, version: 1n })
      expect((await frontEnd.retrieve({ ...request, recordKey })).record?.expireTime).to.deep.equal(expireTime)
      time.pass(hour)
      expect(await answer(frontEnd.retrieve({ ...request, recordKey }))).to.deep.equal(notFound)
    })
  })

  describe('that have expired', () => {
    it('are not there, while later ones are', async () => {
      const { userId, name: request, one } = await threeVersions(split, [new Date(start + hour)])
      time.pass(hour)
      const token = { recordKey: one.recordKey, version: 1n }
      expect(await answer(frontEnd.retrieve({ ...request, ...token }))).to.deep.equal(notFound)
      expect(await answer(frontEnd.restore({ ...request, ...token }))).to.deep.equal(notFound)
      const { versions, unreadableCount } = await frontEnd.versions({ userId, recordName })
      expect([versions.map(({ version }) => version), unreadableCount]).to.deep.equal([[3n, 2n], 0])
    })

    it('are all of them, when the current one has', async () => {
      const { userId } = await threeVersions(split, [undefined, undefined, new Date(start + hour)])
      time.pass(hour)
      expect(await answer(frontEnd.versions({ userId, recordName }))).to.deep.equal(notFound)
    })
  })

  describe('under a back end that lies', () => {
    it('are refused when another is served than was asked for, unrelabelled or relabelled', async () => {
      for (const keyMode of [client, split] as const) {
        const { name: request, two, rows } = await threeVersions(keyMode)
        const [, second, first] = rows
        const answers = [first!, { ...first!, version: 2n }, { ...second!, version: 1n }, { ...second!, version: 0n }]
        for (const record of answers) {
          const liar = opened({
            retrieveEnvelope: async (asked, call) => ({
              ...(await world.backend.retrieveEnvelope(asked, call)),
              record,
            }),
          })
          const token = { recordKey: two.recordKey, version: 2n }
          for (const made of [liar.retrieve({ ...request, ...token }), liar.restore({ ...request, ...token })]) {
            expect(await reasonOf(made)).to.be.oneOf(['RECORD_KEY_MISMATCH', 'RECORD_NOT_FOUND'])
          }
        }
      }
      expect(keeping.keepVersions).to.have.length(6) // nothing was stored for a lie
    })

    it('are known by their key id when nothing but the vault opens them', async () => {
      const { name: request, two, rows } = await threeVersions(server)
      const [, second, first] = rows
      rows.splice(1, 2, { ...first!, version: 2n }, { ...second!, version: 1n })
      const expecting = frontEnd.retrieve({ ...request, version: 2n, expectKeyId: two.keyId })
      expect(await reasonOf(expecting)).to.equal('PRECONDITION_FAILED')
      const restoring = frontEnd.restore({ ...request, version: 2n, expectKeyId: two.keyId })
      expect(await reasonOf(restoring)).to.equal('PRECONDITION_FAILED')
      // Documented: the number is the back end's word.
      expect((await frontEnd.retrieve({ ...request, version: 2n })).data.toString()).to.equal('contents 1')
    })

    it('are unreadable when their entries were swapped, damaged or of another record', async () => {
      const { userId, rows } = await threeVersions()
      await frontEnd.store({ userId, recordName: 'other', data: Buffer.alloc(3) })
      const [otherId] = frontEnd.vault.ids.records({ userId, recordName: 'other' }) as [Buffer]
      const [third, second, first] = rows
      const [other] = keeping.kept(otherId)
      const damaged = { ...third!, entryBox: third!.entryBox.subarray(1) }
      const swapped = { ...second!, entryBox: first!.entryBox }
      for (const [lie, unreadable] of [
        [[third!, swapped, first!], 1],
        [[damaged, second!, first!], 1],
        [[third!, other!], 1],
        [
          [
            { ...other!, recordId: third!.recordId },
            { ...second!, envelope: first!.envelope },
          ],
          2,
        ],
      ] as const) {
        rows.splice(0, rows.length, ...lie)
        const { versions, unreadableCount } = await frontEnd.versions({ userId, recordName })
        expect(unreadableCount).to.equal(unreadable)
        expect(versions).to.have.length(lie.length - unreadable)
        for (const info of versions) expect(info.recordName).to.equal(recordName)
      }
    })

    it('do not mix: an expiry cannot be taken from one for another', async () => {
      const { name: request, one, rows } = await threeVersions(split, [new Date(start + hour)])
      const [, second, first] = rows
      rows.splice(2, 1, { ...first!, entryBox: second!.entryBox, expireTime: undefined })
      time.pass(hour)
      const mixed = frontEnd.retrieve({ ...request, recordKey: one.recordKey, version: 1n })
      expect(await reasonOf(mixed)).to.equal('RECORD_KEY_MISMATCH')
    })

    it('are noticed by the key id when an older one is served as the current', async () => {
      const { name: request, one, three, rows } = await threeVersions()
      const old = { ...rows[2]!, version: 3n }
      const liar = opened({
        retrieveEnvelope: async (asked, call) => ({
          ...(await world.backend.retrieveEnvelope(asked, call)),
          record: old,
        }),
      })
      // A token of the old version still opens it: who knows the newest key id is not deceived.
      expect((await liar.retrieve({ ...request, recordKey: one.recordKey })).record?.version).to.equal(3n)
      const expecting = liar.retrieve({ ...request, recordKey: one.recordKey, expectKeyId: three.keyId })
      expect(await reasonOf(expecting)).to.equal('PRECONDITION_FAILED')
      const current = liar.retrieve({ ...request, recordKey: three.recordKey })
      expect(await reasonOf(current)).to.equal('RECORD_KEY_MISMATCH')
    })
  })
})
