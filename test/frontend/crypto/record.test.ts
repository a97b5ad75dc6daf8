import { createCipheriv, randomBytes } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { contextHash, entryContext, recordContext } from '../../../src/frontend/crypto/context.js'
import { openEntry, sealEntry } from '../../../src/frontend/crypto/entry.js'
import { type Mode, modes, parseHeader, sealEnvelope } from '../../../src/frontend/crypto/envelope.js'
import { HmacKey } from '../../../src/frontend/crypto/hmac.js'
import { randomSource } from '../../../src/frontend/crypto/random.js'
import { dummyOpen, type OpenRequest, openListedEntry, openRecord } from '../../../src/frontend/crypto/record.js'
import { encodeToken, parseToken } from '../../../src/frontend/crypto/token.js'
import {
  bitFlips,
  bothSuites,
  identity,
  macsIn,
  newUserKey,
  openingOf,
  reasonOf,
  type SealRequest,
  scripted,
  sealRecord,
  thrownBy,
  visible,
} from './fixtures.js'
import { group, hex, messageOf, reasonFor, runAll, type Vector } from './vectors.js'

const random = randomSource()
const everyMode = Object.values(modes)
const userKey = newUserKey()
const attributes = Buffer.alloc(0)
const data = Buffer.from('a small record')
const base = { ...identity, userKey, data, attributes, mode: 3, suite: 1, chunkLog2: 12 } as const
const seal = (changes: Partial<SealRequest> = {}) => sealRecord({ ...base, ...changes }, random)
/** The HMACs of one open: entry 2, combining the halves 1, envelope 2. */
const macsOf: Record<Mode, number> = { 1: 4, 2: 4, 3: 5 }

/** A vector's envelope as a retrieve meets it: with an honest entry for its key id and the ids of the request. */
function requestOf(test: Vector): OpenRequest {
  const { realm, userId, recordName } = test as unknown as { realm: string; userId: string; recordName: string }
  const envelope = hex(test['envelope'])
  const keyId = Buffer.concat([envelope], 24).subarray(8)
  const dataKey = test['dk'] === '' ? undefined : hex(test['dk'])
  const terms = { realm, userId, keyId, userKey, suite: 1 } as const
  const entryBox = sealEntry(terms, { recordName, attributes: Buffer.alloc(0), dataKey }, random)
  const token = test['token'] === null ? undefined : parseToken(test['token'])
  const callerAad = hex(test['callerAad'])
  return { realm, userId, recordName, callerAad, userKey, token, envelope, entryBox, readSuites: bothSuites }
}

describe('record', () => {
  it('agrees with the envelope vectors through the whole path, two-key ciphertext included', () => {
    runAll(group('Envelope'), 68, (test) => {
      const open = () => openRecord(requestOf(test))
      if (test.result === 'invalid') return expect(reasonOf(open)).to.equal(reasonFor(test['error']))
      const { data, keyId, mode } = open()
      expect(data.equals(messageOf(test))).to.equal(true)
      expect([keyId.toString('hex'), mode]).to.deep.equal([test['keyId'], test['mode']])
      return undefined
    })
  })

  it('seals the worked examples byte for byte, token and entry included', () => {
    const entry = group('Box').find(({ tcId }) => tcId === 94)!
    const examples = group('Envelope').filter(({ tcId }) => [26, 28, 29, 30].includes(tcId))
    runAll(examples, 4, (test) => {
      const { mode, suite, chunkLog2, token } = test as unknown as SealRequest & { token: string | null }
      const salt = hex(test['salt'])
      const rk = token === null ? [] : [hex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f')]
      const dataKey = test['dk'] === '' ? [] : [hex(test['dk'])]
      const source = scripted(hex(test['keyId']), ...rk, ...dataKey, salt, salt)
      const key = { uid: Buffer.alloc(16), generation: entry['gen'], key: new HmacKey(hex(entry['key'])) }
      const request = { ...identity, userKey: key, data: messageOf(test), attributes, mode, suite, chunkLog2 }
      const sealed = sealRecord(request, source)
      expect(sealed.envelope.toString('hex')).to.equal(test['envelope'])
      expect(sealed.token).to.equal(token ?? '')
      expect(sealed.keyId.toString('hex')).to.equal(test['keyId'])
      if (mode !== modes.client && suite === 1) expect(sealed.entryBox.toString('hex')).to.equal(entry['box'])
    })
  })

  it('round-trips any input', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
    const requests = fc.record({
      userId: text,
      recordName: fc.option(text, { nil: '' }),
      callerAad: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      data: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      mode: fc.constantFrom(...everyMode),
      suite: fc.constantFrom(...bothSuites),
    })
    fc.assert(
      fc.property(requests, (request) => {
        const sealed = seal(request)
        const opened = openRecord(openingOf({ ...base, ...request }, sealed))
        const commitment = sealed.envelope.subarray(56, 88)
        const { data, mode } = request
        expect(opened).to.deep.equal({ data, keyId: sealed.keyId, mode, attributes, commitment })
        expect(sealed.token === '').to.equal(request.mode === modes.server)
      }),
    )
  })

  it('round-trips sizes around chunk boundaries in every mode and suite', () => {
    for (const size of [0, 1, 4095, 4096, 4097, 8191, 8192, 8193]) {
      const data = randomBytes(size)
      for (const mode of everyMode) {
        for (const suite of bothSuites) {
          const request = { ...base, data, mode, suite }
          expect(openRecord(openingOf(request, seal(request))).data.equals(data)).to.equal(true)
        }
      }
    }
  })

  it('opens no record without its entry, which has the expiry: not even a record without a data key', () => {
    for (const mode of everyMode) {
      const request = { ...base, mode }
      for (const missing of [{ userKey: undefined }, { entryBox: Buffer.alloc(0) }]) {
        const opening = openingOf(request, seal(request), missing)
        expect(reasonOf(() => openRecord(opening))).to.equal('RECORD_KEY_MISMATCH')
      }
    }
  })

  it('leaves nothing to the request: same bytes in, request untouched, token still usable', () => {
    const sealed = seal()
    const opening = openingOf(base, sealed)
    const before = [sealed.envelope, sealed.entryBox].map((bytes) => bytes.toString('hex'))
    for (let again = 0; again < 3; again++) expect(openRecord(opening).data.equals(base.data)).to.equal(true)
    expect([opening.envelope, opening.entryBox].map((bytes) => bytes.toString('hex'))).to.deep.equal(before)
  })

  for (const mode of everyMode) {
    it(`opens with no bit flipped, mode ${mode}, in the envelope or the entry`, () => {
      const request = { ...base, mode }
      const sealed = seal(request)
      const opening = openingOf(request, sealed)
      for (const { bit, flipped } of bitFlips(sealed.envelope)) {
        const reason = bit < 88 * 8 ? 'RECORD_KEY_MISMATCH' : 'RECORD_CORRUPT'
        expect(reasonOf(() => openRecord({ ...opening, envelope: flipped }))).to.equal(reason)
      }
      for (const { flipped } of bitFlips(sealed.entryBox)) {
        expect(reasonOf(() => openRecord({ ...opening, entryBox: flipped }))).to.equal('RECORD_KEY_MISMATCH')
      }
    })

    it(`refuses everything wrong alike, mode ${mode}: one visible error, one number of derivations`, () => {
      const request = { ...base, mode }
      const [sealed, newer] = [seal(request), seal(request)]
      const otherName = { ...request, recordName: 'other-record' }
      const other = seal(otherName)
      const opening = openingOf(request, sealed)
      const relabel = (at: number, byte: number) => {
        const envelope = Buffer.from(sealed.envelope)
        envelope[at] = byte
        return { ...opening, envelope }
      }
      const wrong: Record<string, OpenRequest> = {
        'envelope of another version': { ...opening, envelope: newer.envelope },
        'swapped record': { ...opening, envelope: other.envelope, entryBox: other.entryBox },
        'swapped envelope': { ...opening, envelope: other.envelope },
        'other magic': relabel(0, 0),
        'version 0': relabel(4, 0),
        'version 2': relabel(4, 2),
        'other suite': relabel(5, 2),
        'unknown suite': relabel(5, 9),
        'other mode': relabel(6, (mode % 3) + 1),
        'unknown mode': relabel(6, 0),
        'other chunk size': relabel(7, 13),
        'other key id': relabel(8, (sealed.envelope[8] ?? 0) ^ 1),
        'other user': { ...opening, userId: 'bob@example.test' },
        'other name': { ...opening, recordName: 'other-record' },
        'other aad': { ...opening, callerAad: Buffer.of(1) },
        'suite not read': { ...opening, readSuites: [2] },
        'cut header': { ...opening, envelope: sealed.envelope.subarray(0, 87) },
        nothing: { ...opening, envelope: Buffer.alloc(0), entryBox: Buffer.alloc(0) },
      }
      if (opening.token) {
        const { mode: tokenMode } = opening.token
        const wrongToken = parseToken(encodeToken({ mode: tokenMode, keyId: sealed.keyId, rk: randomBytes(32) }))
        wrong['wrong token'] = { ...opening, token: wrongToken }
        wrong['stale token'] = { ...opening, envelope: newer.envelope, entryBox: newer.entryBox }
      }
      if (mode !== modes.client) {
        wrong['other entry'] = { ...opening, entryBox: newer.entryBox }
        wrong['other user key'] = { ...opening, userKey: newUserKey() }
        wrong['no user key'] = { ...opening, userKey: undefined }
        wrong['other generation'] = { ...opening, userKey: { ...userKey, generation: 2 } }
      }
      const seen = Object.entries(wrong).map(([name, attempt]) => {
        expect(
          macsIn(() => openRecord(attempt)),
          name,
        ).to.equal(macsOf[mode])
        return visible(thrownBy(() => openRecord(attempt)))
      })
      expect([...new Set(seen)]).to.deep.equal([
        '{"name":"VaultError","message":"the record key does not open this record","reason":"RECORD_KEY_MISMATCH","kind":"denied","fields":[]}',
      ])
      expect(
        macsIn(() => openRecord(opening)),
        'success',
      ).to.equal(macsOf[mode])
      expect(
        macsIn(() => dummyOpen(opening)),
        'absent record',
      ).to.equal(macsOf[mode])
    })
  }

  it('takes the mode from the request: no token opens server records only', () => {
    for (const mode of everyMode) {
      const request = { ...base, mode }
      const sealed = seal(request)
      for (const tokenMode of [undefined, modes.client, modes.split]) {
        const rk = randomBytes(32)
        const forged = tokenMode && parseToken(encodeToken({ mode: tokenMode, keyId: sealed.keyId, rk }))
        if (mode === modes.server && tokenMode === undefined) continue
        const attempt = openingOf(request, sealed, { token: forged })
        expect(reasonOf(() => openRecord(attempt))).to.equal('RECORD_KEY_MISMATCH')
      }
    }
  })

  it('is not opened with the stand-ins everybody knows: zero user key, zero data key', () => {
    const zero = new HmacKey(Buffer.alloc(32))
    const keyId = randomBytes(16)
    const terms = { ...base, keyId, contextHash: contextHash(recordContext(identity)) }
    const forged = sealEnvelope({ ...terms, key: zero, mode: modes.server }, Buffer.from('planted'), random)
    const zeroUser = { uid: Buffer.alloc(16), generation: 0, key: zero }
    const entry = { recordName: identity.recordName, attributes: Buffer.alloc(0), dataKey: Buffer.alloc(32) }
    const entryBox = sealEntry({ ...terms, userKey: zeroUser }, entry, random)
    const opening = { ...identity, token: undefined, envelope: forged, readSuites: bothSuites }
    for (const known of [undefined, userKey]) {
      for (const box of [entryBox, Buffer.alloc(0)]) {
        const attempt = { ...opening, userKey: known, entryBox: box }
        expect(reasonOf(() => openRecord(attempt))).to.equal('RECORD_KEY_MISMATCH')
      }
    }
    // The forgery itself is sound: only the refusal of the stand-ins stops it.
    expect(openRecord({ ...opening, userKey: zeroUser, entryBox }).data.toString()).to.equal('planted')
  })

  it('refuses an entry of another name or without a data key, though it is this user\u2019s and this version\u2019s', () => {
    const sealed = seal()
    const opening = openingOf(base, sealed)
    const { dataKey } = openEntry({ ...opening, userKey, keyId: sealed.keyId }, sealed.entryBox)
    const entries = [
      { recordName: 'other-record', attributes: Buffer.alloc(0), dataKey },
      { recordName: identity.recordName, attributes: Buffer.alloc(0), dataKey: undefined },
    ]
    for (const entry of entries) {
      const entryBox = sealEntry({ ...base, keyId: sealed.keyId }, entry, random)
      expect(reasonOf(() => openRecord({ ...opening, entryBox }))).to.equal('RECORD_KEY_MISMATCH')
    }
  })

  it('is bound to its ids: shifted, normalised or cut ones do not open it', () => {
    const ids = [
      ['ab', 'c', 'a', 'bc'],
      ['caf\u00e9', 'n', 'cafe\u0301', 'n'],
      ['a', 'b', 'a\0', 'b'],
      ['a', '', 'a', 'a'],
      ['x'.repeat(1024), 'n', 'x'.repeat(1023), 'n'],
      ['u', 'y'.repeat(1024), 'u', 'y'.repeat(1023)],
    ] as const
    for (const [userId, recordName, otherUser, otherRecord] of ids) {
      const request = { ...base, userId, recordName, mode: modes.client }
      const opening = openingOf(request, seal(request))
      expect(openRecord(opening).data.equals(base.data)).to.equal(true)
      const attempt = { ...opening, userId: otherUser, recordName: otherRecord }
      expect(reasonOf(() => openRecord(attempt))).to.equal('RECORD_KEY_MISMATCH')
    }
    for (const bad of [
      { userId: '' },
      { userId: '\ud800' },
      { userId: 'x'.repeat(1025) },
      { recordName: 'x'.repeat(1025) },
    ]) {
      expect(reasonOf(() => seal(bad))).to.equal('INVALID_REQUEST')
      expect(reasonOf(() => openRecord({ ...openingOf(base, seal()), ...bad }))).to.equal('INVALID_REQUEST')
      expect(reasonOf(() => dummyOpen({ ...openingOf(base, seal()), ...bad }))).to.equal('INVALID_REQUEST')
    }
  })

  it('does not open the blobs of the earlier services', () => {
    const key = randomBytes(32)
    const nonce = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', key, nonce)
    const v0 = Buffer.concat([nonce, cipher.update(randomBytes(100)), cipher.final(), cipher.getAuthTag()])
    for (const mode of [modes.client, modes.split]) {
      const token = parseToken(encodeToken({ mode, keyId: v0.subarray(8, 24), rk: key }))
      const attempt = openingOf(base, seal(), { token, envelope: v0 })
      expect(reasonOf(() => openRecord(attempt))).to.equal('RECORD_KEY_MISMATCH')
    }
  })

  it('is listed by its header and its entry box', () => {
    for (const mode of everyMode) {
      const sealed = seal({ mode })
      const { keyId, mode: found } = parseHeader(sealed.envelope.subarray(0, 88))
      expect([keyId, found]).to.deep.equal([sealed.keyId, mode])
      const terms = { realm: 'test', userId: identity.userId, keyId, userKey, readSuites: bothSuites }
      expect(openListedEntry(terms, sealed.entryBox)).to.deep.equal({ recordName: 'passport-scan', attributes })
      const elsewhere = { ...terms, userId: 'bob@example.test' }
      expect(reasonOf(() => openListedEntry(elsewhere, sealed.entryBox))).to.equal('RECORD_KEY_MISMATCH')
    }
  })

  it('draws everything anew: 100 000 seals repeat no salt, key id, rk or data key', function () {
    this.timeout(600_000)
    const drawn = { 16: new Set<string>(), 32: new Set<string>() }
    const counting = {
      fill(memory: Buffer) {
        random.fill(memory)
        drawn[memory.length as 16 | 32].add(memory.toString('latin1'))
        return memory
      },
    }
    const request = { ...base, data: Buffer.alloc(0), chunkLog2: 16 }
    const salts = new Set<string>()
    for (let i = 0; i < 100_000; i++) {
      const { envelope, entryBox } = sealRecord(request, counting)
      salts.add(envelope.toString('latin1', 24, 56)).add(entryBox.toString('latin1', 8, 40))
    }
    expect(drawn[16].size, 'key ids').to.equal(100_000)
    expect(drawn[32].size, 'rk, data keys and salts, all different').to.equal(400_000)
    expect(salts.size, 'salts that reached the bytes').to.equal(200_000)
  })

  it('wipes rk and data key, sealed or failed', () => {
    for (const chunkLog2 of [12, 99]) {
      const drawn: Buffer[] = []
      const keeping = {
        fill(memory: Buffer) {
          drawn.push(memory)
          return random.fill(memory)
        },
      }
      const run = () => sealRecord({ ...base, chunkLog2 }, keeping)
      if (chunkLog2 === 12) run()
      else expect(reasonOf(run)).to.equal('INTERNAL')
      const [keyId, rk, dataKey] = drawn
      expect([rk, dataKey]).to.deep.equal([Buffer.alloc(32), Buffer.alloc(32)])
      expect(keyId?.equals(Buffer.alloc(16))).to.equal(false)
    }
  })

  it('calls a user key that was closed meanwhile a bug of ours, not a wrong token', () => {
    const closed = newUserKey()
    closed.key.close()
    expect(reasonOf(() => openRecord(openingOf(base, seal(), { userKey: closed })))).to.equal('INTERNAL')
    expect(reasonOf(() => seal({ userKey: closed }))).to.equal('INTERNAL')
  })

  it('binds the entry to the key id, not to the name', () => {
    const { keyId } = seal()
    const context = entryContext({ ...identity, keyId }).toString('latin1')
    expect(context).to.contain(keyId.toString('latin1'))
    expect(context).to.not.contain(identity.recordName)
  })
})
