// docs/crypto.md section 15, tests 3, 4, 8 and 17: a back end that swaps, replays, relabels and plants.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { sealEntry } from '../../src/frontend/crypto/entry.js'
import { HmacKey } from '../../src/frontend/crypto/hmac.js'
import { randomSource } from '../../src/frontend/crypto/random.js'
import { userBind } from '../../src/frontend/crypto/user-key.js'
import { encodeWrappedKey, parseWrappedKey } from '../../src/frontend/crypto/wrapped-key.js'
import { localKms } from '../../src/frontend/keys/local-kms.js'
import type { UserKeyGeneration } from '../../src/gen/encserver/v1/backend.js'
import { RetrieveRecordRequest } from '../../src/gen/encserver/v1/frontend.js'
import { group } from './crypto/vectors.js'
import { answer, macsDuring, mismatch, reasonOf } from './refusal.js'
import { answeredWith, type Row, rowOf, withEnvelopeBytes } from './swapped.js'
import { modes } from './tokens.js'
import { openWire, type WireRefusal } from './wire.js'
import { type FrontEnd, instead, openWorld, type World } from './world.js'

const data = Buffer.from('The quick brown fox jumps over the lazy dog.')
const [alice, bob] = ['alice@example.test', 'bob@example.test']

describe('a back end that lies', () => {
  let world: World
  let honest: FrontEnd
  before(async () => {
    world = await openWorld('test')
    honest = world.frontEnd()
  })
  after(() => world.close())

  const stored = async (userId: string, recordName: string, keyMode: 1 | 2 | 3) => {
    const { recordKey, keyId } = await honest.store({ userId, recordName, data, keyMode })
    return { recordKey, keyId, row: await rowOf(world, honest, { userId, recordName }) }
  }
  const refusedWith = async (row: Row, request: { userId: string; recordName?: string; recordKey?: string }) => {
    const liar = answeredWith(world, row)
    expect(await answer(liar.retrieve(request))).to.deep.equal(mismatch)
    // Once more with the true keys in the cache of user keys: an honest answer first.
    const warm = answeredWith(world, row)
    const document = await world.userDocument(honest, request.userId)
    const user = { userId: request.userId, pseudonym: document!.userPseudonym }
    await warm.vault.userKeys.open(user, document!)
    expect(await answer(warm.retrieve(request))).to.deep.equal(mismatch)
  }

  for (const [name, keyMode] of Object.entries(modes)) {
    describe(`in mode ${name}`, () => {
      it("does not get B's record opened for A, under neither user's document", async () => {
        const own = await stored(alice, 'r', keyMode)
        const foreign = await stored(bob, 'r', keyMode)
        for (const recordKey of [own.recordKey, foreign.recordKey]) {
          const request = { userId: alice, recordName: 'r', recordKey }
          await refusedWith(foreign.row, request)
          await refusedWith({ ...foreign.row, user: own.row.user }, request)
        }
      })

      it("does not get A's other record opened under the name of the first", async () => {
        const own = await stored(alice, 'r', keyMode)
        const other = await stored(alice, 'other', keyMode)
        for (const recordKey of [own.recordKey, other.recordKey]) {
          await refusedWith(other.row, { userId: alice, recordName: 'r', recordKey })
        }
      })

      it('cannot put another entry, another envelope or another key id beside the rest', async () => {
        const own = await stored(alice, 'r', keyMode)
        const other = await stored(alice, 'other', keyMode)
        const foreign = await stored(bob, 'r', keyMode)
        const { record, user } = own.row
        const request = { userId: alice, recordName: 'r', recordKey: own.recordKey }
        for (const { entryBox } of [other.row.record, foreign.row.record]) {
          await refusedWith({ record: { ...record, entryBox }, user }, request)
        }
        for (const { envelope } of [other.row.record, foreign.row.record]) {
          await refusedWith({ record: { ...record, envelope }, user }, request)
        }
        await refusedWith(withEnvelopeBytes(own.row, 8, [...other.keyId]), request)
      })

      it('cannot leave the entry out, where the expiry is', async () => {
        const { row, recordKey } = await stored(alice, 'r', keyMode)
        for (const entryBox of [Buffer.alloc(0), row.record.entryBox.subarray(0, -1)]) {
          const request = { userId: alice, recordName: 'r', recordKey }
          const cut = { ...row, record: { ...row.record, entryBox } }
          expect(await answer(answeredWith(world, cut).retrieve(request))).to.deep.equal(mismatch)
        }
      })

      it('cannot bring back the version before', async () => {
        const before = await stored(alice, 'r', keyMode)
        const now = await stored(alice, 'r', keyMode)
        const request = { userId: alice, recordName: 'r', recordKey: now.recordKey }
        if (keyMode !== modes.server) return refusedWith(before.row, request)
        const liar = answeredWith(world, before.row)
        const expecting = liar.retrieve({ ...request, expectKeyId: now.keyId })
        expect(await reasonOf(expecting)).to.equal('PRECONDITION_FAILED')
        // Documented: without an expected key id a `server` record can be rolled back.
        expect((await liar.retrieve(request)).record?.keyId).to.deep.equal(before.keyId)
        return undefined
      })

      it('cannot relabel version, suite, mode or chunk size', async () => {
        const { row, recordKey } = await stored(alice, 'r', keyMode)
        const request = { userId: alice, recordName: 'r', recordKey }
        const { envelope } = row.record
        for (const [at, values] of [
          [0, [0x53]],
          [4, [0, 2, 255]],
          [5, [0, 2, 3]],
          [6, [0, 1, 2, 3, 4].filter((mode) => mode !== keyMode)],
          [7, [11, 12, 17, 20, 21]],
        ] as const) {
          for (const value of values) {
            expect(envelope[at]).not.to.equal(value)
            await refusedWith(withEnvelopeBytes(row, at, [value]), request)
          }
        }
      })

      it('cannot feed in a record of the earlier services', async () => {
        const { row, recordKey } = await stored(alice, 'r', keyMode)
        const request = { userId: alice, recordName: 'r', recordKey }
        const blobs = group('LegacyV0').map(({ blob }) => Buffer.from(String(blob), 'hex'))
        expect(blobs.length).to.be.above(3)
        for (const envelope of [...blobs, Buffer.alloc(0), Buffer.alloc(12), row.record.envelope.subarray(0, 87)]) {
          await refusedWith({ ...row, record: { ...row.record, envelope } }, request)
        }
      })

      it('that damages what comes after the commitment is told by its damage', async () => {
        const { row, recordKey } = await stored(alice, 'r', keyMode)
        const request = { userId: alice, recordName: 'r', recordKey }
        const { envelope } = row.record
        const cut = { ...row, record: { ...row.record, envelope: envelope.subarray(0, -1) } }
        const bare = { ...row, record: { ...row.record, envelope: envelope.subarray(0, 88) } }
        for (const damaged of [withEnvelopeBytes(row, 88, [envelope[88]! ^ 1]), cut, bare]) {
          expect(await answer(answeredWith(world, damaged).retrieve(request))).to.deep.equal({
            code: 15,
            reason: 'RECORD_CORRUPT',
            message: 'the stored record is damaged',
            fields: [],
            retryAfterMs: undefined,
          })
        }
      })
    })
  }

  describe('about the user document', () => {
    let own: Awaited<ReturnType<typeof stored>>
    const request = () => ({ userId: alice, recordName: 'r', recordKey: own.recordKey })
    beforeEach(async () => {
      own = await stored(alice, 'r', modes.split)
    })
    const under = (generation: Partial<UserKeyGeneration>): Row => {
      const [only] = own.row.user.generations
      return { ...own.row, user: { ...own.row.user, generations: [{ ...only!, ...generation }] } }
    }

    it("cannot give A the document or the wrapped key of B, even while B's key is in the cache", async () => {
      const { row } = await stored(bob, 'r', modes.split)
      const [foreign] = row.user.generations
      const liars = [
        { ...own.row, user: row.user },
        { ...own.row, user: { ...row.user, userPseudonym: own.row.user.userPseudonym } },
        { ...own.row, user: { ...row.user, userUid: own.row.user.userUid } },
        under(foreign!),
        under({ wrappedKey: foreign!.wrappedKey }),
        under({ userBind: foreign!.userBind }),
      ]
      for (const liar of liars) {
        await refusedWith(liar, request())
        const warm = answeredWith(world, liar)
        await warm.vault.userKeys.open({ userId: bob, pseudonym: row.user.userPseudonym }, row.user)
        expect(await answer(warm.retrieve(request()))).to.deep.equal(mismatch)
      }
    })

    it('cannot name a provider or key that is not configured, though the bind is right', async () => {
      const wrapped = parseWrappedKey(own.row.user.generations[0]!.wrappedKey)
      for (const foreign of [{ keyRef: 'kek2' }, { provider: 2 as const }, { provider: 3 as const, keyVersion: 0 }]) {
        const wrappedKey = encodeWrappedKey({ ...wrapped, ...foreign })
        expect(await answer(answeredWith(world, under({ wrappedKey })).retrieve(request()))).to.deep.equal(mismatch)
      }
    })

    it('cannot plant a user key wrapped under a key of its own, with a bind to match', async () => {
      const planted = randomBytes(32)
      const { userUid } = own.row.user
      const ours = new HmacKey(randomBytes(32))
      const parts = { writeSuite: 1, readSuites: [1, 2], random: randomSource() } as const
      const kms = localKms({ keys: [{ version: 1, state: 'active', key: ours }], ...parts })
      const wrapped = await kms.wrap(planted, { realm: 'test', userUid, generation: 1 })
      const userBindOf = userBind(new HmacKey(planted), { realm: 'test', userId: alice, userUid })
      const generation = { wrappedKey: encodeWrappedKey(wrapped), userBind: userBindOf }
      expect(await answer(answeredWith(world, under(generation)).retrieve(request()))).to.deep.equal(mismatch)
    })

    it('cannot show an older one, whose key is another', async () => {
      const elsewhere = await openWorld('test')
      try {
        const before = elsewhere.frontEnd({ keyringText: world.keyringText })
        await before.store({ userId: alice, data })
        const older = (await elsewhere.userDocument(before, alice))!
        await refusedWith({ ...own.row, user: older }, request())
        await refusedWith({ ...own.row, user: { ...older, userUid: own.row.user.userUid } }, request())
      } finally {
        await elsewhere.close()
      }
    })

    it('cannot leave it out, or empty it, and get anything', async () => {
      expect(await reasonOf(answeredWith(world, { record: own.row.record }).retrieve(request()))).to.equal(
        'RECORD_NOT_FOUND',
      )
      await refusedWith({ ...own.row, user: { ...own.row.user, generations: [] } }, request())
      await refusedWith({ ...own.row, user: { ...own.row.user, userUid: Buffer.alloc(0) } }, request())
      await refusedWith(under({ generation: 2 }), request())
    })
  })

  it('finds attributes that no front end writes to be damage, in a list too', async () => {
    const userId = alice
    const recordName = 'attributes'
    const { row, recordKey, keyId } = await stored(userId, recordName, modes.client)
    for (const attributes of [Buffer.of(0), Buffer.from('0a00', 'hex'), Buffer.from('1a036e6577', 'hex')]) {
      const entryBox = await entryBoxFor(honest, { recordName, keyId, attributes })
      const record = { ...row.record, entryBox }
      const liar = answeredWith(world, { ...row, record })
      expect(await reasonOf(liar.retrieve({ userId, recordName, recordKey }))).to.equal('RECORD_CORRUPT')
      const listEnvelopes = async () => ({ records: [record], user: row.user, nextAfterRecordId: Buffer.alloc(0) })
      const lister = world.frontEnd({ backend: instead(world.backend, { listEnvelopes }) })
      const page = await lister.list({ userId })
      expect([page.records, page.unreadableCount]).to.deep.equal([[], 1])
    }
  })

  it('with a ciphertext that two keys open gets it opened under one only (T92, T93)', async () => {
    await stored(alice, 'passport-scan', modes.client)
    const row = await rowOf(world, honest, { userId: alice, recordName: 'passport-scan' })
    const twoKeys = group('Envelope').filter(({ tcId }) => tcId === 92 || tcId === 93)
    expect(twoKeys.map(({ tcId, envelope }) => [tcId, envelope])).to.deep.equal([
      [92, twoKeys[0]!['envelope']],
      [93, twoKeys[0]!['envelope']],
    ])
    const [right, wrong] = twoKeys
    const envelope = Buffer.from(right!['envelope'], 'hex')
    const entryBox = await entryBoxFor(honest, { recordName: 'passport-scan', keyId: envelope.subarray(8, 24) })
    const liar = answeredWith(world, { ...row, record: { ...row.record, envelope, entryBox } })
    const request = { userId: alice, recordName: 'passport-scan' }
    const opened = await liar.retrieve({ ...request, recordKey: right!['token'] })
    expect(opened.data.toString('hex')).to.equal(right!['msg'])
    expect(await answer(liar.retrieve({ ...request, recordKey: wrong!['token'] }))).to.deep.equal(mismatch)
  })
})

/** What a front end seals beside an envelope of mode client. */
async function entryBoxFor(
  { vault }: FrontEnd,
  { recordName, keyId, attributes = Buffer.alloc(0) }: { recordName: string; keyId: Buffer; attributes?: Buffer },
) {
  const [pseudonym] = vault.ids.users(alice) as [Buffer]
  const { userKey } = await vault.userKeys.sealingKey({ userId: alice, pseudonym })
  const terms = { realm: 'test', userId: alice, keyId, userKey, suite: 1 } as const
  return sealEntry(terms, { recordName, attributes, dataKey: undefined }, vault.random)
}

describe('a refusal', () => {
  let world: World
  let frontEnd: FrontEnd
  before(async () => {
    world = await openWorld('test')
    frontEnd = world.frontEnd()
  })
  after(() => world.close())

  interface Case {
    frontEnd: FrontEnd
    request: Parameters<FrontEnd['retrieve']>[0]
  }

  /** The bytes on the wire and the HMACs computed, of each case. */
  async function tellings(cases: Case[]): Promise<{ refused: WireRefusal; macs: number }[]> {
    const found = []
    for (const { frontEnd: asked, request } of cases) {
      const wire = await openWire(asked)
      const frame = RetrieveRecordRequest.encode(RetrieveRecordRequest.create(request)).finish()
      await wire.refused('retrieveRecord', frame) // so that the user key is in the cache of each
      let refused: WireRefusal | undefined
      const macs = await macsDuring(async () => {
        refused = await wire.refused('retrieveRecord', frame)
      })
      await wire.close()
      found.push({ refused: refused!, macs })
    }
    return found
  }

  const expectAlike = (found: Awaited<ReturnType<typeof tellings>>, code: number) => {
    for (const { refused, macs } of found) {
      expect(refused.code).to.equal(code)
      expect(refused).to.deep.equal(found[0]!.refused)
      expect(macs).to.equal(found[0]!.macs)
    }
    expect(found[0]!.macs).to.be.above(2)
  }

  for (const [name, keyMode] of Object.entries(modes)) {
    it(`of an unknown user and of an unknown record are alike, byte for byte and HMAC for HMAC, in mode ${name}`, async () => {
      const userId = `known-${name}`
      const { recordKey } = await frontEnd.store({ userId, recordName: 'r', data, keyMode })
      const found = await tellings([
        { frontEnd, request: { userId: `absent-${name}`, recordName: 'r', recordKey } },
        { frontEnd, request: { userId, recordName: 'absent', recordKey } },
      ])
      expectAlike(found, 5)
    })

    it(`of a wrong or stale token, a swapped or relabelled envelope are alike in mode ${name}`, async () => {
      const userId = `user-${name}`
      const stored = (recordName: string) => frontEnd.store({ userId, recordName, data, keyMode })
      const stale = await stored('r')
      const before = await rowOf(world, frontEnd, { userId, recordName: 'r' })
      const current = await stored('r')
      const other = await stored('other')
      const row = await rowOf(world, frontEnd, { userId, recordName: 'r' })
      const swapped = await rowOf(world, frontEnd, { userId, recordName: 'other' })
      const request = { userId, recordName: 'r', recordKey: current.recordKey }
      const { envelope } = row.record
      const lies = [
        swapped,
        { ...row, record: { ...row.record, envelope: swapped.record.envelope } },
        { ...row, record: { ...row.record, envelope: envelope.subarray(0, 40) } },
        { ...row, record: { ...row.record, envelope: Buffer.alloc(0) } },
        withEnvelopeBytes(row, 0, [0]),
        withEnvelopeBytes(row, 4, [2]),
        withEnvelopeBytes(row, 5, [2]),
        withEnvelopeBytes(row, 6, [keyMode === 3 ? 1 : 3]),
        withEnvelopeBytes(row, 7, [12]),
        withEnvelopeBytes(row, 8, [envelope[8]! ^ 1]),
        withEnvelopeBytes(row, 56, [envelope[56]! ^ 1]),
        ...(keyMode === modes.server ? [] : [before]),
      ]
      const { user } = row
      const unlisted = user.generations.map((only) => ({
        ...only,
        wrappedKey: Buffer.from('010200000000000000', 'hex'),
      }))
      for (const generations of [[], unlisted]) lies.push({ ...row, user: { ...user, generations } })
      lies.push({ ...row, user: { ...user, userUid: Buffer.alloc(0) } })
      for (const entryBox of [Buffer.alloc(0), swapped.record.entryBox])
        lies.push({ ...row, record: { ...row.record, entryBox } })
      const cases: Case[] = lies.map((lie) => ({ frontEnd: answeredWith(world, lie), request }))
      if (keyMode !== modes.server) {
        for (const { recordKey } of [stale, other]) cases.push({ frontEnd, request: { ...request, recordKey } })
      }
      cases.push({ frontEnd, request: { ...request, callerAad: Buffer.from('wrong') } })
      expectAlike(await tellings(cases), 7)
    })
  }
})
