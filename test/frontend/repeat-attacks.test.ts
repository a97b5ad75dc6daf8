// docs/crypto.md section 6 (f): a back end that lies about a known write, and a caller who knows a key id without its secret.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import type { Backend } from '../../src/frontend/upstream/backend.js'
import type { KnownEnvelope, SealedRecord, StoreEnvelopeRequest } from '../../src/gen/encserver/v1/backend.js'
import { answer, macsDuring, mismatch, reasonOf } from './refusal.js'
import { answeredWith, type Row, rowOf } from './swapped.js'
import { type CallerSecret, modes, newSecret, newToken } from './tokens.js'
import { type FrontEnd, instead, openWorld, type World } from './world.js'

const data = Buffer.from('The quick brown fox jumps over the lazy dog.')
const [alice, bob] = ['alice@example.test', 'bob@example.test']
const recordName = 'r'

const headerOf = ({ envelope }: SealedRecord) => envelope.subarray(0, 88)
/** The stored version as a back end shows it in `known`. */
const knownAs = ({ record, user }: Row): KnownEnvelope => {
  const { version, storeTime } = record
  return { record: { ...record, envelope: headerOf(record) }, user, stored: { version, storeTime } }
}

for (const [modeName, keyMode] of Object.entries(modes)) {
  describe(`a known write in mode ${modeName}`, () => {
    let world: World
    let honest: FrontEnd
    before(async () => {
      world = await openWorld('test')
      honest = world.frontEnd()
    })
    after(() => world.close())

    const store = (frontEnd: FrontEnd, { fields }: CallerSecret, change: object = {}) =>
      frontEnd.store({ userId: alice, recordName, data, ...fields, ...change })
    /** A stored version of that user and name under a new secret. */
    const stored = async (userId = alice, name = recordName, mode: 1 | 2 | 3 = keyMode) => {
      const secret = newSecret(mode)
      await store(honest, secret, { userId, recordName: name })
      return { secret, row: await rowOf(world, honest, { userId, recordName: name }) }
    }
    /** A front end whose back end writes nothing, and answers each store so. */
    const answering = (known: Partial<KnownEnvelope>) => {
      const value = { record: undefined, user: undefined, stored: undefined, ...known }
      const storeEnvelope: Backend['storeEnvelope'] = async () => ({ result: { $case: 'known', value } })
      return world.frontEnd({ backend: instead(world.backend, { storeEnvelope }) })
    }

    /** Every row that the back end may show instead of the right one. */
    async function lies(): Promise<{ secret: CallerSecret; right: Row; shown: [string, Row][] }> {
      const older = await stored()
      const { secret, row: right } = await stored()
      const { row: other } = await stored(alice, 'other')
      const { row: foreign } = await stored(bob)
      const otherModes = Object.values(modes).filter((mode) => mode !== keyMode)
      const inOtherModes = await Promise.all(otherModes.map((mode) => stored(alice, `mode-${mode}`, mode)))
      const { record, user } = right
      const relabelled = (at: number, value: number) => {
        const envelope = Buffer.from(record.envelope)
        envelope[at] = value
        return { record: { ...record, envelope }, user }
      }
      const withEntry = ({ record: { entryBox } }: Row) => ({ record: { ...record, entryBox }, user })
      const withHeader = ({ record: { envelope } }: Row) => ({ record: { ...record, envelope }, user })
      return {
        secret,
        right,
        shown: [
          ['the row of another record', other],
          ["another user's row", foreign],
          ["another user's row beside the right user", { ...foreign, user }],
          ["the right row beside another user's keys", { record, user: foreign.user }],
          ['the version before', older.row],
          ['the entry of the version before', withEntry(older.row)],
          ['the header of the version before', withHeader(older.row)],
          ["another record's entry", withEntry(other)],
          ["another record's header", withHeader(other)],
          ['no entry', { record: { ...record, entryBox: Buffer.alloc(0) }, user }],
          ['no header', { record: { ...record, envelope: Buffer.alloc(0) }, user }],
          ['a user without keys', { record, user: { ...user, generations: [] } }],
          ['a user without a uid', { record, user: { ...user, userUid: Buffer.alloc(0) } }],
          ...otherModes.map((mode): [string, Row] => [`a header that says mode ${mode}`, relabelled(6, mode)]),
          ...inOtherModes.map(({ row }, at): [string, Row] => [`a row of mode ${otherModes[at]}`, row]),
        ],
      }
    }

    it("is not taken for the caller's because the back end says so", async () => {
      const { secret, right, shown } = await lies()
      for (const [what, row] of shown) {
        expect(await answer(store(answering(knownAs(row)), secret)), what).to.deep.equal(mismatch)
      }
      expect((await store(answering(knownAs(right)), secret)).version).to.equal(right.record.version)
    })

    it('costs the same whatever the back end shows, and whether or not the contents are equal', async () => {
      const { secret, right, shown } = await lies()
      const macsOf = async (row: Row, contents: Buffer) => {
        const frontEnd = answering(knownAs(row))
        // The user's key is in the cache, as it is after any call for the user.
        await frontEnd.store({ userId: alice, recordName, data, keyMode }).catch(() => undefined)
        await frontEnd.vault.userKeys.open({ userId: alice, pseudonym: right.user.userPseudonym }, right.user)
        return macsDuring(() => store(frontEnd, secret, { data: contents }))
      }
      const rightCost = await macsOf(right, data)
      expect(await macsOf(right, Buffer.from('other'))).to.equal(rightCost)
      // Rows with another user document cost the opening of that document as well.
      for (const [what, row] of shown.filter(([, each]) => each.user === right.user)) {
        expect(await macsOf(row, data), what).to.equal(rightCost)
      }
    })

    it('without its version or its user is a bug of the back end, which writes nothing', async () => {
      const { secret, row } = await stored()
      const known = knownAs(row)
      for (const lacking of [
        { ...known, stored: undefined },
        { ...known, user: undefined },
      ]) {
        expect(await reasonOf(store(answering(lacking), secret))).to.equal('INTERNAL')
      }
    })

    it("under a key id that the front end drew is that call's own, or a bug of the back end", async () => {
      const { row } = await stored()
      const drawing = { userId: alice, recordName, data, keyMode }
      const known = knownAs(row)
      expect(await reasonOf(answering(known).store(drawing))).to.equal('INTERNAL')
      expect((await answering({ ...known, record: undefined }).store(drawing)).version).to.equal(known.stored?.version)
    })

    it('is closed to a caller who knows its key id without its secret, and says nothing of its contents', async () => {
      const { secret, row } = await stored()
      const { keyId, recordKey } = secret
      for (const tokenMode of [modes.client, modes.split] as const) {
        const forged = { recordKey: newToken(tokenMode, keyId), keyMode: tokenMode }
        for (const contents of [data, Buffer.from('a guess')]) {
          const request = { userId: alice, recordName, ...forged, data: contents }
          expect(await answer(honest.store(request))).to.deep.equal(mismatch)
        }
      }
      const now = await rowOf(world, honest, { userId: alice, recordName })
      expect(now).to.deep.equal(row)
      expect((await honest.retrieve({ userId: alice, recordName, recordKey })).data).to.deep.equal(data)
    })

    if (keyMode !== modes.server) {
      it('is closed to its own secret in another mode', async () => {
        const [keyId, rk] = [randomBytes(16), randomBytes(32)]
        const otherMode = keyMode === modes.client ? modes.split : modes.client
        const request = { userId: alice, recordName: 'mode', data }
        const first = await honest.store({ ...request, recordKey: newToken(keyMode, keyId, rk) })
        const again = honest.store({ ...request, recordKey: newToken(otherMode, keyId, rk) })
        expect(await answer(again)).to.deep.equal(mismatch)
        expect((await honest.retrieve({ ...request, recordKey: first.recordKey })).data).to.deep.equal(data)
      })
    }

    it('keeps its own entry: the back end cannot pair it with that of a write refused with TOKEN_REUSED', async () => {
      const sent: StoreEnvelopeRequest[] = []
      const spied = instead(world.backend, {
        storeEnvelope(request, call) {
          sent.push(request)
          return world.backend.storeEnvelope(request, call)
        },
      })
      const secret = newSecret(keyMode)
      const spying = world.frontEnd({ backend: spied })
      await store(spying, secret)
      const second = { data: Buffer.from('second'), attributes: { contentType: 'text/html', labels: {} } }
      expect(await reasonOf(store(spying, secret, second))).to.equal('TOKEN_REUSED')
      const [one, other] = [sent.at(-2)!.record!, sent.at(-1)!.record!]
      const { user } = await rowOf(world, honest, { userId: alice, recordName })
      const request = { userId: alice, recordName, recordKey: secret.recordKey }
      for (const record of [
        { ...one, entryBox: other.entryBox },
        { ...other, entryBox: one.entryBox },
      ]) {
        expect(await answer(answeredWith(world, { record, user }).retrieve(request))).to.deep.equal(mismatch)
        const known = {
          record: { ...record, envelope: headerOf(record) },
          user,
          stored: { version: 1n, storeTime: undefined },
        }
        expect(await answer(store(answering(known), secret))).to.deep.equal(mismatch)
      }
      // Documented: the back end has the refused write and may show it, whole, to the holder of the token.
      const whole = await answeredWith(world, { record: other, user }).retrieve(request)
      expect(whole.data.toString()).to.equal('second')
    })
  })
}

describe('a list', () => {
  it('leaves out a row of mode client whose entry is that of another write under its key id', async () => {
    const world = await openWorld('test')
    try {
      const sent: StoreEnvelopeRequest[] = []
      const storeEnvelope: Backend['storeEnvelope'] = (request, call) => {
        sent.push(request)
        return world.backend.storeEnvelope(request, call)
      }
      const frontEnd = world.frontEnd({ backend: instead(world.backend, { storeEnvelope }) })
      const { fields } = newSecret(modes.client)
      await frontEnd.store({ userId: alice, data, ...fields })
      await frontEnd.delete({ userId: alice })
      await frontEnd.store({ userId: alice, data: Buffer.from('second'), ...fields })
      const [one, other] = [sent.at(-2)!.record!, sent.at(-1)!.record!]
      const { user } = await rowOf(world, frontEnd, { userId: alice })
      const listed = async (record: SealedRecord) => {
        const envelope = headerOf(record)
        const records = [{ ...record, envelope }]
        const listEnvelopes = async () => ({ records, user, nextAfterRecordId: Buffer.alloc(0) })
        const page = await world
          .frontEnd({ backend: instead(world.backend, { listEnvelopes }) })
          .list({ userId: alice })
        return [page.records.length, page.unreadableCount]
      }
      expect(await listed(one)).to.deep.equal([1, 0])
      expect(await listed(other)).to.deep.equal([1, 0])
      expect(await listed({ ...one, entryBox: other.entryBox })).to.deep.equal([0, 1])
    } finally {
      await world.close()
    }
  })
})
