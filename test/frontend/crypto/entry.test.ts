import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { VaultError } from '../../../src/core/errors.js'
import { decodeEntry, type Entry, encodeEntry, openEntry, sealEntry } from '../../../src/frontend/crypto/entry.js'
import { randomSource } from '../../../src/frontend/crypto/random.js'
import { bitFlips, bothSuites, newUserKey, reasonOf } from './fixtures.js'
import { group, hex, runAll } from './vectors.js'

const none = Buffer.alloc(0)
const entries = fc.record({
  recordName: fc.string({ unit: 'grapheme', maxLength: 90 }),
  attributes: fc.uint8Array({ maxLength: 90 }).map((bytes) => Buffer.from(bytes)),
  dataKey: fc.option(
    fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
    { nil: undefined },
  ),
})

/** Refused, or the very bytes we would have written. */
function refusedOrCanonical(plaintext: Buffer): boolean {
  try {
    return encodeEntry(decodeEntry(plaintext)).equals(plaintext)
  } catch (error) {
    return error instanceof VaultError && error.reason === 'RECORD_CORRUPT'
  }
}

describe('entry', () => {
  it('agrees with the plaintexts of the vectors', () => {
    const valid = group('Box').filter(({ purpose, result }) => purpose === 'entry' && result === 'valid')
    runAll(valid, 2, ({ tcId, msg }) => {
      const entry = decodeEntry(hex(msg))
      expect(entry.recordName).to.equal('passport-scan')
      expect(entry.dataKey?.length).to.equal(tcId === 94 ? 32 : undefined)
      expect(entry.attributes.toString('hex')).to.equal(tcId === 94 ? '' : '0a0f6170706c69636174696f6e2f706466')
      expect(encodeEntry(entry).toString('hex')).to.equal(msg)
    })
  })

  it('round-trips, its length mod 64 telling whether there is a data key', () => {
    fc.assert(
      fc.property(entries, (entry) => {
        const plaintext = encodeEntry(entry)
        expect(decodeEntry(plaintext)).to.deep.equal(entry)
        expect(plaintext.length % 64).to.equal(entry.dataKey ? 32 : 0)
      }),
    )
  })

  it('has no padding when it fits exactly', () => {
    for (const size of [0, 59, 60, 61, 123, 124, 125, 1024]) {
      const entry = { recordName: 'n'.repeat(size), attributes: none, dataKey: undefined }
      const plaintext = encodeEntry(entry)
      expect(plaintext.length).to.equal(Math.ceil((size + 4) / 64) * 64)
      expect(decodeEntry(plaintext)).to.deep.equal(entry)
    }
  })

  it('refuses padding that is not zero, too long or missing', () => {
    const plaintext = encodeEntry({ recordName: 'name', attributes: none, dataKey: randomBytes(32) })
    for (let at = 32 + 8; at < plaintext.length; at++) {
      const changed = Buffer.from(plaintext)
      changed[at] = 1
      expect(reasonOf(() => decodeEntry(changed))).to.equal('RECORD_CORRUPT')
    }
    for (const more of [1, 31, 32, 33, 64, 128]) {
      expect(reasonOf(() => decodeEntry(Buffer.concat([plaintext], plaintext.length + more)))).to.equal(
        'RECORD_CORRUPT',
      )
    }
    for (let length = 0; length < plaintext.length; length++) {
      expect(refusedOrCanonical(plaintext.subarray(0, length)), `cut to ${length}`).to.equal(true)
    }
  })

  it('refuses any bytes or reads them exactly', () => {
    const plaintext = encodeEntry({ recordName: 'n\u00e4me', attributes: Buffer.of(1, 2), dataKey: undefined })
    for (const { bit, flipped } of bitFlips(plaintext)) expect(refusedOrCanonical(flipped), `bit ${bit}`).to.equal(true)
    fc.assert(fc.property(fc.uint8Array({ maxLength: 260 }), (bytes) => refusedOrCanonical(Buffer.from(bytes))))
    const long = Buffer.alloc(64 * 17)
    long.writeUInt16BE(1025)
    expect(reasonOf(() => decodeEntry(long.fill('a', 2, 1027)))).to.equal('RECORD_CORRUPT')
  })

  it('opens for its user, key id and key only', () => {
    const random = randomSource()
    const terms = {
      realm: 'test',
      userId: 'alice',
      keyId: randomBytes(16),
      userKey: newUserKey(4),
      readSuites: bothSuites,
    }
    const entry: Entry = { recordName: 'name', attributes: Buffer.of(5), dataKey: randomBytes(32) }
    const box = sealEntry({ ...terms, suite: 1 }, entry, random)
    expect(box).to.have.length(32 + 64 + 88)
    expect(openEntry(terms, box)).to.deep.equal(entry)
    const others = [
      { realm: 'test2' },
      { userId: 'bob' },
      { keyId: randomBytes(16) },
      { userKey: newUserKey(4) },
      { userKey: { ...terms.userKey, generation: 5 } },
    ]
    for (const other of others) {
      expect(reasonOf(() => openEntry({ ...terms, ...other }, box))).to.equal('RECORD_KEY_MISMATCH')
    }
  })

  it('writes no entry it would not read', () => {
    const entry = { recordName: 'name', attributes: none, dataKey: undefined }
    const bad = [{ recordName: 'x'.repeat(1025) }, { attributes: Buffer.alloc(65536) }, { dataKey: Buffer.alloc(16) }]
    for (const changes of bad) expect(reasonOf(() => encodeEntry({ ...entry, ...changes }))).to.equal('INTERNAL')
  })
})
