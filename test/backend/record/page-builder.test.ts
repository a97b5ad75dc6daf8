import { expect } from 'chai'
import { bytesOfRecord } from '../../../src/backend/record/message-size.js'
import { listedBytes, maxScannedBytes, pageBuilder } from '../../../src/backend/record/page-builder.js'
import { SealedRecord } from '../../../src/gen/encserver/v1/backend.js'
import { sampleEnvelope, sampleRecord, sampleUser, storeTime } from '../samples.js'

describe('page builder', () => {
  const user = sampleUser()
  const range = { ...user, now: storeTime, limit: 1000, maxBytes: 1 << 20 }
  const large = sampleEnvelope(4 << 20)

  it('never underestimates the encoded bytes of a listed record', () => {
    for (const bytes of [1, 272, 8192]) {
      const record = sampleRecord(user, {
        entryBox: Buffer.alloc(bytes),
        version: 2n ** 64n - 1n,
        sizeBytes: 2n ** 64n - 1n,
        partCount: 2 ** 20,
        expireTime: new Date('9999-12-31T23:59:59.999Z'),
        replacedKeyIds: Array.from({ length: 4 }, () => Buffer.alloc(16)),
        lifeId: Buffer.alloc(16),
        keptVersions: 99,
      })
      const listed = { ...record, envelope: record.envelope.subarray(0, 88) }
      const bytesOnTheWire = SealedRecord.encode(listed).finish().length
      expect(listedBytes(record)).to.be.at.least(bytesOnTheWire)
      expect(bytesOfRecord(listed)).to.be.at.least(bytesOnTheWire)
    }
  })

  it('has no next page after the last row', () => {
    const builder = pageBuilder(range)
    const row = sampleRecord(user)
    expect(builder.add(row)).to.equal(true)
    expect(builder.page().next).to.equal(undefined)
  })

  it('continues after the last row it added, dead or alive', () => {
    const builder = pageBuilder({ ...range, limit: 1 })
    const dead = sampleRecord(sampleUser())
    expect(builder.add(sampleRecord(user))).to.equal(true)
    expect(builder.add(dead)).to.equal(true)
    expect(builder.add(sampleRecord(user))).to.equal(false)
    expect(builder.page().next).to.equal(dead.recordId)
  })

  it('ends after maxScannedBytes, dead rows included', () => {
    for (const owner of [user, sampleUser()]) {
      const builder = pageBuilder(range)
      let rows = 0
      while (builder.add(sampleRecord(owner, { envelope: large }))) rows += 1
      expect(rows).to.equal(maxScannedBytes / large.length)
      expect(builder.page().next).not.to.equal(undefined)
    }
  })
})
