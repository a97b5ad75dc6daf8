// Records of the earlier services, imported: by nobody unless it is switched on, and never past its last day.
import { createCipheriv, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect } from 'chai'
import { VaultError } from '../../../src/core/errors.js'
import { closeLog, openLog } from '../../../src/core/log/log.js'
import { frontendClient, type KeyMode, type RequestInput } from '../../../src/frontend/client.js'
import { legacyImport } from '../../../src/frontend/legacy/import.js'
import { GetLegacyIdRequest, ImportLegacyRecordRequest } from '../../../src/gen/encserver/v1/frontend.js'
import { bitFlips } from '../crypto/fixtures.js'
import { filesBelow, type Haystack, leaks } from '../leak-scan.js'
import { answer, mismatch, reasonOf } from '../refusal.js'
import { openWire } from '../wire.js'
import { call, type FrontEnd, openWorld, type World } from '../world.js'

const open = { enabled: true, until: '2999-12-31' }

/** As the earlier services sealed. */
function bare(key: Buffer, nonce: Buffer, contents: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  return Buffer.concat([cipher.update(contents), cipher.final(), cipher.getAuthTag()])
}

function legacyRecord(contents: Buffer = Buffer.from('PAYLOADS'.repeat(8))) {
  const [key, nonce] = [randomBytes(32), randomBytes(12)]
  const sealed = bare(key, nonce, contents)
  return { key, nonce, contents, bare: sealed, prefixed: Buffer.concat([nonce, sealed]) }
}

/** With a key of its own for each call, as a call wipes what it was given. */
function importing({ service }: FrontEnd, request: RequestInput<ImportLegacyRecordRequest>) {
  const key = request.key && Buffer.from(request.key)
  return service.importLegacyRecord(ImportLegacyRecordRequest.create({ ...request, ...(key && { key }) }), call)
}

function locating({ service }: FrontEnd, request: RequestInput<GetLegacyIdRequest>) {
  const key = request.key && Buffer.from(request.key)
  return service.getLegacyId(GetLegacyIdRequest.create({ ...request, ...(key && { key }) }), call)
}

describe('the import of a legacy record', () => {
  let world: World
  let frontEnd: FrontEnd
  let users = 0
  const newUser = () => `legacy-${++users}`

  before(async () => {
    world = await openWorld()
    frontEnd = world.frontEnd({ config: { legacyImport: open } })
  })
  after(() => world.close())

  it('stores it as any other, under a new token, whichever form it had', async () => {
    const old = legacyRecord()
    const forms = [{ blob: old.prefixed }, { blob: old.bare, nonce: old.nonce }]
    for (const form of forms) {
      for (const keyMode of [1, 2, 3] as const) {
        const given = { userId: newUser(), recordName: 'r', callerAad: Buffer.from('case 7'), keyMode }
        const stored = await importing(frontEnd, { ...given, ...form, key: old.key })
        expect(stored.version).to.equal(1n)
        const { data, record } = await frontEnd.retrieve({ ...given, recordKey: stored.recordKey })
        expect(data).to.deep.equal(old.contents)
        expect(record).to.deep.include({ keyMode, keyId: stored.keyId, sizeBytes: 64n })
        expect(await reasonOf(frontEnd.retrieve({ userId: given.userId, recordName: 'r' }))).to.equal(
          'RECORD_KEY_MISMATCH',
        )
      }
    }
  })

  it('stores the empty record, and the largest', async () => {
    const small = world.frontEnd({ config: { legacyImport: open, maxRecordBytes: 1000 } })
    for (const size of [0, 1000]) {
      const { key, nonce, contents, ...blobs } = legacyRecord(randomBytes(size))
      for (const form of [{ blob: blobs.prefixed }, { blob: blobs.bare, nonce }]) {
        const userId = newUser()
        const { recordKey } = await importing(small, { userId, key, ...form })
        expect((await small.retrieve({ userId, recordKey })).data).to.deep.equal(contents)
      }
    }
    const large = legacyRecord(randomBytes(1001))
    const refused = async (form: { blob: Buffer; nonce?: Buffer }) =>
      (await answer(importing(small, { userId: newUser(), key: large.key, ...form }))).message
    expect(await refused({ blob: large.prefixed })).to.equal('blob: must be at most 1028 bytes, not 1029')
    expect(await refused({ blob: large.bare, nonce: large.nonce })).to.equal(
      'blob: must be at most 1016 bytes, not 1017',
    )
  })

  it('keeps to a precondition, and makes a new version without one', async () => {
    const userId = newUser()
    const { key, prefixed: blob } = legacyRecord()
    await importing(frontEnd, { userId, key, blob })
    const precondition = { condition: { $case: 'absent', value: true } } as const
    expect(await reasonOf(importing(frontEnd, { userId, key, blob, precondition }))).to.equal('ALREADY_EXISTS')
    expect((await importing(frontEnd, { userId, key, blob })).version).to.equal(2n)
  })

  it('refuses a wrong key, a wrong nonce, a wrong form and a blob of somebody else, all alike, and writes nothing', async () => {
    const userId = newUser()
    const [old, other] = [legacyRecord(), legacyRecord()]
    const attempts = [
      { key: other.key, blob: old.prefixed },
      { key: old.key, blob: old.bare, nonce: other.nonce },
      { key: old.key, blob: old.bare },
      { key: old.key, blob: old.prefixed, nonce: old.nonce },
      { key: old.key, blob: other.prefixed },
      { key: old.key, blob: Buffer.alloc(0) },
      { key: old.key, blob: old.prefixed.subarray(0, 27) },
    ]
    for (const attempt of attempts) expect(await answer(importing(frontEnd, { userId, ...attempt }))).to.eql(mismatch)
    expect((await frontEnd.list({ userId })).records).to.deep.equal([])
  })

  it('refuses every single bit that is flipped, and writes nothing', async () => {
    const userId = newUser()
    const { key, prefixed, bare: ciphertext, nonce } = legacyRecord(Buffer.from('contents'))
    let refused = 0
    for (const form of [{ blob: prefixed }, { blob: ciphertext, nonce }]) {
      for (const { bit, flipped } of bitFlips(form.blob)) {
        const attempt = importing(frontEnd, { userId, key, ...form, blob: flipped })
        expect(await answer(attempt), `bit ${bit}`).to.deep.equal(mismatch)
        refused += 1
      }
    }
    expect(refused).to.equal(8 * (prefixed.length + ciphertext.length))
    expect((await frontEnd.list({ userId })).records).to.deep.equal([])
  })

  it('refuses what no service ever gave out, naming the field', async () => {
    const userId = newUser()
    const { key, prefixed: blob } = legacyRecord()
    const wrong: [Partial<ImportLegacyRecordRequest>, string][] = [
      [{ key: key.subarray(1) }, 'key: must be 32 bytes, not 31'],
      [{ key: Buffer.alloc(0) }, 'key: must be 32 bytes, not 0'],
      [{ nonce: randomBytes(11) }, 'nonce: must be 12 bytes, not 11'],
      [{ userId: '' }, 'user_id: must be 1 to 1024 bytes of UTF-8, not 0'],
      [{ recordName: 'x'.repeat(1025) }, 'record_name: must be 0 to 1024 bytes of UTF-8, not 1025'],
      [{ callerAad: Buffer.alloc(65_537) }, 'caller_aad: must be at most 65536 bytes, not 65537'],
      [{ keyMode: 9 as KeyMode }, 'key_mode: must be KEY_MODE_CLIENT, KEY_MODE_SERVER or KEY_MODE_SPLIT'],
      [{ precondition: { condition: undefined } }, 'precondition: must hold a condition'],
    ]
    for (const [change, message] of wrong) {
      const refused = await answer(importing(frontEnd, { userId, key, blob, ...change }))
      expect(refused).to.deep.include({ reason: 'INVALID_REQUEST', message })
    }
  })

  it('wipes the key that it was given, whatever comes of it', async () => {
    const { key, prefixed: blob } = legacyRecord()
    const requests = [{ blob }, { blob: blob.subarray(1) }, { nonce: randomBytes(3), blob }]
    for (const request of requests) {
      const given = Buffer.from(key)
      const made = ImportLegacyRecordRequest.create({ userId: newUser(), ...request, key: given })
      await frontEnd.service.importLegacyRecord(made, call).catch(() => undefined)
      expect(given.equals(Buffer.alloc(32))).to.equal(true)
    }
    const given = Buffer.from(key)
    const asked = GetLegacyIdRequest.create({ userId: 'u', key: given, nonce: randomBytes(12) })
    await frontEnd.service.getLegacyId(asked, call)
    expect(given.equals(Buffer.alloc(32))).to.equal(true)
  })

  it('finds the id of a user as the earlier services made it', async () => {
    const [key, nonce] = [randomBytes(32), Buffer.from('0123456789ab')]
    const sealed = bare(key, nonce, Buffer.from('JTH é'))
    const asked = { userId: 'JTH é', key, nonce }
    expect((await locating(frontEnd, asked)).legacyId).to.deep.equal(sealed)
    const inFront = await locating(frontEnd, { ...asked, nonceInFront: true })
    expect(inFront.legacyId).to.deep.equal(Buffer.concat([nonce, sealed]))
    const wrong: [Partial<GetLegacyIdRequest>, string][] = [
      [{ key: Buffer.alloc(31) }, 'key: must be 32 bytes, not 31'],
      [{ nonce: Buffer.alloc(0) }, 'nonce: must be 12 bytes, not 0'],
      [{ userId: '' }, 'user_id: must be 1 to 1024 bytes of UTF-8, not 0'],
    ]
    for (const [change, message] of wrong) {
      const refused = await answer(locating(frontEnd, { ...asked, ...change }))
      expect(refused).to.deep.include({ reason: 'INVALID_REQUEST', message })
    }
  })

  describe('when it is not offered', () => {
    const { key, prefixed: blob } = legacyRecord()
    const nonce = randomBytes(12)

    it('is refused: it is off by default', async () => {
      const usual = world.frontEnd()
      const userId = newUser()
      const off = {
        code: 12,
        reason: 'NOT_SUPPORTED',
        message: "the import of the earlier services' records is off (frontend.legacyImport.enabled)",
        fields: [],
        retryAfterMs: undefined,
      }
      expect(await answer(importing(usual, { userId, key, blob }))).to.deep.equal(off)
      expect(await answer(locating(usual, { userId, key, nonce }))).to.deep.equal(off)
      expect((await usual.list({ userId })).records).to.deep.equal([])
    })

    it('is refused past its last day', async () => {
      const late = world.frontEnd({ config: { legacyImport: { enabled: true, until: '2020-12-31' } } })
      const message = "the import of the earlier services' records ended on 2020-12-31 (frontend.legacyImport.until)"
      for (const refused of [
        importing(late, { userId: newUser(), key, blob }),
        locating(late, { userId: 'u', key, nonce }),
      ]) {
        expect(await answer(refused)).to.deep.include({ reason: 'NOT_SUPPORTED', message })
      }
    })

    it('is refused before anything of the request is looked at', async () => {
      expect(await reasonOf(importing(world.frontEnd(), { userId: '', key: Buffer.alloc(1) }))).to.equal(
        'NOT_SUPPORTED',
      )
    })
  })

  it('lasts to the end of its last day', () => {
    const { refuseUnlessOpen } = legacyImport({ enabled: true, until: '2026-12-31' })
    expect(() => refuseUnlessOpen(0)).not.to.throw()
    expect(() => refuseUnlessOpen(Date.parse('2026-12-31T23:59:59.999Z'))).not.to.throw()
    expect(() => refuseUnlessOpen(Date.parse('2027-01-01T00:00:00Z'))).to.throw('ended on 2026-12-31')
    expect(() => refuseUnlessOpen(Number.NaN)).to.throw('ended on 2026-12-31')
  })

  it('cannot be switched on without a last day', () => {
    const config = { legacyImport: { enabled: true, until: '' } }
    expect(() => world.frontEnd({ config })).to.throw('frontend.legacyImport.until: must be the last day of the import')
    expect(() => world.frontEnd({ config: { legacyImport: { enabled: false, until: '' } } })).not.to.throw()
  })

  it('leaves no key, no id and no contents in log, store or error', async () => {
    const apart = await openWorld()
    const folder = await mkdtemp(join(tmpdir(), 'enc-server-legacy-'))
    const log = openLog('feserver', { level: 'debug', dir: join(folder, 'log'), stdout: false })
    const wire = await openWire(apart.frontEnd({ config: { legacyImport: open } }), log)
    const client = frontendClient({ address: wire.address })
    const { key, nonce, prefixed: blob, contents } = legacyRecord(randomBytes(50))
    const userId = `somebody-${randomBytes(9).toString('hex')}`
    const failed = async (promise: Promise<unknown>) => {
      const error = await promise.then(
        () => expect.fail('should have failed'),
        (thrown: unknown) => thrown,
      )
      expect(error).to.be.instanceOf(VaultError)
      const haystack: Haystack = { name: 'error', bytes: Buffer.from(inspect(error, { depth: 10, showHidden: true })) }
      return haystack
    }
    const { legacyId } = await client.getLegacyId({ userId, key, nonce })
    const { recordKey } = await client.importLegacyRecord({ userId, key, blob })
    expect((await client.retrieveRecord({ userId, recordKey })).data).to.deep.equal(contents)
    const haystacks = [
      await failed(client.importLegacyRecord({ userId, key, blob: blob.subarray(1) })),
      await failed(client.importLegacyRecord({ userId, key: Buffer.concat([key, key]), blob })),
      await failed(client.getLegacyId({ userId, key, nonce: Buffer.alloc(1) })),
    ]
    client.close()
    await wire.close()
    await closeLog(log)
    haystacks.push(...(await filesBelow(join(folder, 'log'))))
    await apart.reopen(async (store) => {
      haystacks.push(...(await filesBelow(store)))
    })
    expect(haystacks.find(({ name }) => name.endsWith('.log'))?.bytes.includes('ImportLegacyRecord')).to.equal(true)
    const needles = { key, contents, userId: Buffer.from(userId), recordKey: Buffer.from(recordKey), legacyId, blob }
    const found = leaks(
      Object.entries(needles).map(([name, bytes]) => ({ name, bytes })),
      haystacks,
    )
    await apart.close()
    await rm(folder, { recursive: true })
    expect(found).to.deep.equal([])
  })
})
