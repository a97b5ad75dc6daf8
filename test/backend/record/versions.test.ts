import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { expect } from 'chai'
import { ClassicLevel } from 'classic-level'
import { openLevelStore } from '../../../src/backend/engines/level/store.js'
import { putKeeping, refersTo } from '../../../src/backend/record/versions.js'
import type { Store } from '../../../src/backend/store/store.js'
import type { SealedRecord } from '../../../src/gen/encserver/v1/backend.js'
import {
  call,
  keyId,
  putOf,
  reasonOf,
  sampleEnvelope,
  sampleRecord,
  sampleUser,
  storeTime,
  type TempFolder,
  tempFolder,
} from '../samples.js'

describe('the parts of kept versions', () => {
  let folder: TempFolder
  let store: Store
  let records: SealedRecord[]

  beforeEach(async () => {
    folder = await tempFolder()
    store = await openLevelStore({ folder: folder.path })
    const first = sampleRecord(sampleUser())
    records = [first, ...Array.from({ length: 7 }, () => ({ ...first, envelope: sampleEnvelope() }))]
    const clock = { forRefusing: () => storeTime, forRemoving: () => storeTime }
    for (const record of records) {
      await putKeeping({ store, clock }, putOf(record, { keepVersions: 7 }), call)
    }
  })
  afterEach(async () => {
    await store.close()
    await folder.remove()
  })

  const setOf = (at: number) => {
    const record = records.at(at) as SealedRecord
    return { recordId: record.recordId, setId: keyId(record) }
  }

  async function damage(version: number): Promise<void> {
    await store.close()
    const options = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const
    const level = new ClassicLevel<Buffer, Buffer>(join(folder.path, 'versions'), options)
    for await (const key of level.keys()) {
      if (key.readBigUInt64BE(key.length - 8) === BigInt(version)) await level.put(key, Buffer.of(0xff))
    }
    await level.close()
    store = await openLevelStore({ folder: folder.path })
  }

  it('are referred to, but not those of a version that is dead', async () => {
    const referred = await Promise.all(records.map((_, at) => refersTo(store, setOf(at), call)))
    expect(referred).to.deep.equal([false, ...Array.from({ length: 7 }, () => true)])
  })

  it('of the current version are found without a list of the kept ones', async () => {
    const listless: Store = { ...store, listVersions: () => expect.fail('they were listed') }
    expect(await refersTo(listless, setOf(-1), call)).to.equal(true)
  })

  it('stay while a version cannot be read that may be theirs', async () => {
    await damage(7)
    await damage(2)
    expect(await reasonOf(refersTo(store, setOf(-2), call))).to.equal('RECORD_CORRUPT')
    expect(await reasonOf(refersTo(store, setOf(1), call))).to.equal('RECORD_CORRUPT')
    expect(await refersTo(store, setOf(2), call)).to.equal(true)
    expect(await reasonOf(refersTo(store, { ...setOf(0), setId: randomBytes(16) }, call))).to.equal('RECORD_CORRUPT')
  })
})
