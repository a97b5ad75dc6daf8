import { join } from 'node:path'
import { expect } from 'chai'
import { type LevelDatabase, openLevelDatabase } from '../../../../src/backend/engines/level/database.js'
import { type ExpiryIndex, expiryIndex } from '../../../../src/backend/engines/level/expiry-index.js'
import { metaCodec } from '../../../../src/backend/engines/level/meta.js'
import { openLevelStore } from '../../../../src/backend/engines/level/store.js'
import type { SealedRecord } from '../../../../src/gen/encserver/v1/backend.js'
import {
  call,
  keyId,
  putInto,
  sampleEnvelope,
  sampleRecord,
  sampleUser,
  type TempFolder,
  tempFolder,
} from '../../samples.js'

const at = new Date('2026-01-01T00:00:00.001Z')
const always = { by: at, limit: 100 }

const bufferBytes = 1024 * 1024

describe('expiryIndex', () => {
  let folder: TempFolder
  let entries: LevelDatabase<Buffer>
  let expiry: ExpiryIndex
  let record: SealedRecord

  beforeEach(async () => {
    folder = await tempFolder()
    entries = await openLevelDatabase({ folder: folder.path, create: true, codec: metaCodec, bufferBytes })
    expiry = expiryIndex(entries)
    record = sampleRecord(sampleUser(), { expireTime: at })
  })
  afterEach(async () => {
    await entries.close()
    await folder.remove()
  })

  const done = async () => undefined
  const keys = () => entries.keys({ limit: 100 }, call)

  it('stores the entry, by time, record and key id, before the record', async () => {
    let seen: Buffer[] = []
    await expiry.addThenWrite(record, async () => (seen = await keys()), call)
    const time = Buffer.alloc(8)
    time.writeBigUInt64BE(BigInt(at.getTime()))
    expect(seen).to.deep.equal([Buffer.concat([time, record.recordId, keyId(record)])])
  })

  it('has no entry for a record that does not expire', async () => {
    expect(await expiry.addThenWrite({ ...record, expireTime: undefined }, async () => 'written', call)).to.equal(
      'written',
    )
    expect(await keys()).to.deep.equal([])
  })

  it('lists records up to and including the given time, whatever their ids', async () => {
    const last = { ...record, recordId: Buffer.alloc(72, 0xff) }
    const later = { ...record, expireTime: new Date(at.getTime() + 1), recordId: Buffer.alloc(72) }
    for (const each of [last, later]) await expiry.addThenWrite(each, done, call)
    const due = await expiry.listDue(always, call)
    expect(due.map(({ recordId }) => recordId)).to.deep.equal([last.recordId])
  })

  it('does not list a record that is still being written', async () => {
    let listed = -1
    await expiry.addThenWrite(record, async () => (listed = (await expiry.listDue(always, call)).length), call)
    expect(listed).to.equal(0)
    const [due] = await expiry.listDue(always, call)
    expect(due?.recordId).to.deep.equal(record.recordId)
  })

  it('does not list a record while one of its two writers is still busy', async () => {
    let finish = () => {}
    const slow = expiry.addThenWrite(record, () => new Promise<void>((resolve) => (finish = resolve)), call)
    await expiry.addThenWrite(record, done, call)
    expect(await expiry.listDue(always, call)).to.deep.equal([])
    finish()
    await slow
    expect(await expiry.listDue(always, call)).to.have.length(1)
  })

  it('keeps the entry of a failed write, which may have taken effect', async () => {
    const failed = expiry.addThenWrite(record, () => Promise.reject(new Error('failed')), call)
    expect(await failed.catch((error: Error) => error.message)).to.equal('failed')
    expect(await expiry.listDue(always, call)).to.have.length(1)
  })

  it('no longer lists an entry once it is cleared', async () => {
    await expiry.addThenWrite(record, done, call)
    for (const due of await expiry.listDue(always, call)) await expiry.clearDue(due, call)
    expect(await keys()).to.deep.equal([])
  })

  it('has one entry for a record that is replaced again and again, and none once it is deleted', async () => {
    const path = join(folder.path, 'store')
    const far = (day: number) => new Date(Date.UTC(2100, 0, day))
    let store = await openLevelStore({ folder: path })
    for (let day = 1; day <= 9; day += 1) {
      await putInto(store, { ...record, envelope: sampleEnvelope(), expireTime: far(day) })
    }
    await store.close()
    store = await openLevelStore({ folder: path })
    const by = { by: far(100), limit: 100 }
    expect(await store.listDue(by, call)).to.have.length(1)
    const { recordId, userUid } = record
    await store.deleteRecord({ recordId, userUid, expectKeyId: undefined, now: undefined }, call)
    await store.close()
    store = await openLevelStore({ folder: path })
    expect(await store.listDue(by, call)).to.deep.equal([])
    await store.close()
  })
})
