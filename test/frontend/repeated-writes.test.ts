// docs/crypto.md section 6 (f): a caller that made the secret of its write may repeat it.
import { createCipheriv, randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { VaultError } from '../../src/core/errors.js'
import { fromRpcStatus } from '../../src/core/status.js'
import { ImportLegacyRecordRequest, StoreRecordRequest } from '../../src/gen/encserver/v1/frontend.js'
import { keysClosedDuring, reasonOf } from './refusal.js'
import { type CallerSecret, modes, newSecret } from './tokens.js'
import { MiB, seeded, upload } from './transfers.js'
import { call, type FrontEnd, instead, openWorld, type World } from './world.js'

const data = Buffer.from('The quick brown fox jumps over the lazy dog.')
// An upload looks for its write for a while before it reports an unknown outcome.
const retryLimits = { tryMs: 60_000, totalMs: 60_000, pauseMs: 1, settleMs: 20 }
const legacyImport = { enabled: true, until: '2999-12-31' }

interface Written {
  recordKey: string
  version: bigint
  keyId: Buffer
  storeTime: Date | undefined
}

/** One write of `contents` by an operation that takes a secret; `userId` is new for each. */
interface Operation {
  name: string
  contents: Buffer
  /** The version that the first write makes. */
  version: bigint
  prepare(frontEnd: FrontEnd, userId: string): Promise<(secret: CallerSecret, contents: Buffer) => Promise<Written>>
}

const large = seeded(2 * MiB + 5)
/** Other contents of the same size, unless there are none. */
const otherThan = (contents: Buffer) => (contents.length === 0 ? data : Buffer.from(contents).fill(0, 0, 1))
const storing = async (frontEnd: FrontEnd, userId: string) => (secret: CallerSecret, contents: Buffer) =>
  frontEnd.store({ userId, ...secret.fields, data: contents })
const uploading = async (frontEnd: FrontEnd, userId: string) => (secret: CallerSecret, contents: Buffer) =>
  upload(frontEnd, { userId, ...secret.fields }, contents)

const operations: Operation[] = [
  { name: 'store', contents: data, version: 1n, prepare: storing },
  { name: 'store of no contents', contents: Buffer.alloc(0), version: 1n, prepare: storing },
  { name: 'upload', contents: data, version: 1n, prepare: uploading },
  { name: 'upload in parts', contents: large, version: 1n, prepare: uploading },
  {
    name: 'store on a stream',
    contents: data,
    version: 1n,
    prepare:
      async ({ service }, userId) =>
      async (secret, contents) => {
        const record = StoreRecordRequest.create({ userId, ...secret.fields, data: contents })
        const requests = (async function* () {
          yield { itemId: 'one', record }
        })()
        for await (const { outcome } of service.storeRecords(requests, call)) {
          if (outcome?.$case === 'stored') return outcome.value
          if (outcome?.$case === 'error') throw fromRpcStatus(outcome.value)
        }
        throw new Error('no outcome')
      },
  },
  {
    name: 'import of a legacy record',
    contents: data,
    version: 1n,
    prepare:
      async ({ service }, userId) =>
      async (secret, contents) => {
        const [key, nonce] = [randomBytes(32), randomBytes(12)]
        const cipher = createCipheriv('aes-256-gcm', key, nonce)
        const blob = Buffer.concat([nonce, cipher.update(contents), cipher.final(), cipher.getAuthTag()])
        return service.importLegacyRecord(
          ImportLegacyRecordRequest.create({ userId, blob, key, ...secret.fields }),
          call,
        )
      },
  },
  {
    name: 'restore',
    contents: data,
    version: 5n,
    async prepare(frontEnd, userId) {
      const keepVersions = 10
      const [one, other] = [
        await frontEnd.store({ userId, data, keepVersions }),
        await frontEnd.store({ userId, data: otherThan(data), keepVersions }),
      ]
      await upload(frontEnd, { userId, keepVersions }, large)
      await frontEnd.store({ userId, data: Buffer.from('latest'), keepVersions })
      return ({ keyMode, fields }, contents) => {
        const { recordKey: newRecordKey = '', writeId = Buffer.alloc(0), triedMsAgo = 0 } = fields
        const { recordKey, version } = contents === data ? one : other
        return frontEnd.restore({ userId, recordKey, version, newRecordKey, writeId, keyMode, triedMsAgo })
      }
    },
  },
]

for (const [modeName, keyMode] of Object.entries(modes)) {
  describe(`a repeated write in mode ${modeName}`, () => {
    let world: World
    let frontEnd: FrontEnd
    let users = 0
    const newUser = () => `user-${++users}`
    before(async () => {
      world = await openWorld()
      frontEnd = world.frontEnd({ config: { legacyImport }, retryLimits })
    })
    after(() => world.close())

    for (const { name, contents, version, prepare } of operations) {
      it(`(${name}) with equal contents returns the first answer and makes no version`, async () => {
        const userId = newUser()
        const secret = newSecret(keyMode)
        const { recordKey, keyId } = secret
        const write = await prepare(frontEnd, userId)
        const first = await write(secret, contents)
        expect(first).to.deep.include({ recordKey, keyId, version })
        expect(await write(secret, contents)).to.deep.equal(first)
        const { record, data: back } = await frontEnd.retrieve({ userId, recordKey })
        expect([record?.version, back.equals(contents)]).to.deep.equal([version, true])
      })

      it(`(${name}) with other contents fails with TOKEN_REUSED and changes nothing`, async () => {
        const userId = newUser()
        const secret = newSecret(keyMode)
        const write = await prepare(frontEnd, userId)
        await write(secret, contents)
        expect(await reasonOf(write(secret, otherThan(contents)))).to.equal('TOKEN_REUSED')
        const { record, data: back } = await frontEnd.retrieve({ userId, recordKey: secret.recordKey })
        expect([record?.version, back.equals(contents)]).to.deep.equal([version, true])
      })

      it(`(${name}) that was replaced since fails with RECORD_REPLACED`, async () => {
        const userId = newUser()
        const secret = newSecret(keyMode)
        const write = await prepare(frontEnd, userId)
        await write(secret, contents)
        const later = await frontEnd.store({ userId, data: Buffer.from('later') })
        expect(await reasonOf(write(secret, contents))).to.equal('RECORD_REPLACED')
        const { data: back } = await frontEnd.retrieve({ userId, recordKey: later.recordKey })
        expect(back.toString()).to.equal('later')
      })

      it(`(${name}) finds the write whose answer was lost, and no second one is made`, async () => {
        const userId = newUser()
        const secret = newSecret(keyMode)
        const { storeEnvelope } = world.backend
        let isLost = false
        const losing = instead(world.backend, {
          async storeEnvelope(...store) {
            const answer = await storeEnvelope(...store)
            if (isLost) throw new VaultError('OUTCOME_UNKNOWN')
            return answer
          },
        })
        const write = await prepare(world.frontEnd({ backend: losing, config: { legacyImport } }), userId)
        isLost = true
        // A store fails, as its connection would; an upload finds out by itself.
        await write(secret, contents).catch(({ reason }) => expect(reason).to.equal('OUTCOME_UNKNOWN'))
        isLost = false
        const again = await write({ ...secret, fields: { ...secret.fields, triedMsAgo: 1_000 } }, contents)
        expect(again).to.deep.include({ version, keyId: secret.keyId })
        const { record, data: back } = await frontEnd.retrieve({ userId, recordKey: secret.recordKey })
        expect([record?.version, back.equals(contents)]).to.deep.equal([version, true])
      })

      it(`(${name}) that was deleted since has an unknown outcome, and stays deleted`, async () => {
        const userId = newUser()
        const secret = newSecret(keyMode)
        const write = await prepare(frontEnd, userId)
        await write(secret, contents)
        await frontEnd.delete({ userId })
        const again = write({ ...secret, fields: { ...secret.fields, triedMsAgo: 1_000 } }, contents)
        expect(await reasonOf(again)).to.equal('OUTCOME_UNKNOWN')
        expect((await frontEnd.list({ userId })).records).to.deep.equal([])
      })

      it(`(${name}) wipes the caller's secret, also when it fails`, async () => {
        const userId = newUser()
        const secret = newSecret(keyMode)
        const write = await prepare(frontEnd, userId)
        const drawn = { keyMode, fields: { keyMode }, recordKey: '', keyId: Buffer.alloc(0), secret: Buffer.alloc(0) }
        const closedWithout = await keysClosedDuring(() => write(drawn, contents))
        // One key more for the digest; in mode server one more for the write id, which replaces no drawn key.
        const more = keyMode === modes.server ? 2 : 1
        expect(await keysClosedDuring(() => write(secret, contents))).to.equal(closedWithout + more)
        const failing = () => reasonOf(write(secret, otherThan(contents)))
        expect(await keysClosedDuring(failing)).to.be.at.least(closedWithout + more)
      })
    }

    it('compares attributes and expiry, in any order of labels', async () => {
      const userId = newUser()
      const { fields } = newSecret(keyMode)
      const expireTime = new Date('2999-01-02T03:04:05.678Z')
      const attributes = { contentType: 'image/png', labels: { b: '1', a: '2' } }
      const request = { userId, ...fields, data, attributes, expireTime }
      const first = await frontEnd.store(request)
      const reordered = { contentType: 'image/png', labels: { a: '2', b: '1' } }
      expect(await frontEnd.store({ ...request, attributes: reordered })).to.deep.equal(first)
      const others = [
        { attributes: { ...attributes, contentType: 'image/gif' } },
        { attributes: { ...attributes, labels: { a: '2' } } },
        { attributes: undefined },
        { expireTime: new Date(expireTime.getTime() + 1) },
        { expireTime: undefined },
      ]
      for (const other of others) {
        expect(await reasonOf(frontEnd.store({ ...request, ...other }))).to.equal('TOKEN_REUSED')
      }
      const { record } = await frontEnd.retrieve({ userId, recordKey: fields.recordKey ?? '' })
      expect(record).to.deep.include({ version: 1n, expireTime, attributes })
    })

    it('returns the first answer whatever it asks of the record before it, and how many versions to keep', async () => {
      const userId = newUser()
      const { fields } = newSecret(keyMode)
      const first = await frontEnd.store({ userId, ...fields, data })
      const absent = { condition: { $case: 'absent', value: true } } as const
      expect(await frontEnd.store({ userId, ...fields, data, precondition: absent, keepVersions: 3 })).to.deep.equal(
        first,
      )
    })

    it('refuses other associated data as a wrong key', async () => {
      const userId = newUser()
      const { fields } = newSecret(keyMode)
      await frontEnd.store({ userId, ...fields, data, callerAad: Buffer.from('one') })
      const other = frontEnd.store({ userId, ...fields, data, callerAad: Buffer.from('other') })
      expect(await reasonOf(other)).to.equal('RECORD_KEY_MISMATCH')
    })

    it('returns the first answer from a front end that does not know the user yet', async () => {
      const userId = newUser()
      const { fields } = newSecret(keyMode)
      const first = await frontEnd.store({ userId, ...fields, data })
      const cold = world.frontEnd()
      expect(await cold.store({ userId, ...fields, data })).to.deep.equal(first)
    })

    it('needs no mode: the secret decides it', async () => {
      const { writeId, recordKey } = newSecret(keyMode).fields
      const userId = newUser()
      await frontEnd.store({ userId, data, ...(writeId && { writeId }), ...(recordKey && { recordKey }) })
      expect((await frontEnd.list({ userId })).records[0]?.keyMode).to.equal(keyMode)
    })
  })
}

describe('a token of the front end', () => {
  it('that its caller brings back for another write fails with TOKEN_REUSED', async () => {
    const world = await openWorld()
    try {
      const frontEnd = world.frontEnd()
      for (const keyMode of [modes.client, modes.split] as const) {
        const userId = `drawn-${keyMode}`
        const { recordKey } = await frontEnd.store({ userId, keyMode, data })
        expect(await reasonOf(frontEnd.store({ userId, recordKey, data }))).to.equal('TOKEN_REUSED')
      }
    } finally {
      await world.close()
    }
  })
})
