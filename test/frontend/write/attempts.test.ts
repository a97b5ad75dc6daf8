// The attempts that a front end makes under one secret of a caller, and what it sends with them.
import { expect } from 'chai'
import { type Reason, VaultError } from '../../../src/core/errors.js'
import type { Backend } from '../../../src/frontend/upstream/backend.js'
import type { StoreEnvelopeRequest, StorePartRequest } from '../../../src/gen/encserver/v1/backend.js'
import { reasonOf, refusal } from '../refusal.js'
import { type CallerSecret, modes, newSecret } from '../tokens.js'
import { MiB, seeded, upload } from '../transfers.js'
import { type FrontEnd, type FrontEndParts, instead, openWorld, type World } from '../world.js'

const small = Buffer.from('small')
const large = seeded(MiB + 1)

describe('the attempts under one secret', () => {
  let world: World
  let honest: FrontEnd
  let users = 0
  const newUser = () => `user-${++users}`
  before(async () => {
    world = await openWorld()
    honest = world.frontEnd()
  })
  after(() => world.close())

  /** A front end over a back end whose stores are seen, and answered by `storeEnvelope` if given. */
  function watched(storeEnvelope?: Backend['storeEnvelope'], parts: FrontEndParts = {}) {
    const stores: StoreEnvelopeRequest[] = []
    const storedParts: StorePartRequest[] = []
    const backend = instead(world.backend, {
      storeEnvelope(request, call) {
        stores.push(request)
        return (storeEnvelope ?? world.backend.storeEnvelope)(request, call)
      },
      storePart(request, call) {
        storedParts.push(request)
        return world.backend.storePart(request, call)
      },
    })
    return { ...world.frontEnd({ ...parts, backend }), stores, storedParts }
  }

  for (const [modeName, keyMode] of Object.entries(modes)) {
    it(`share the key id and nothing else when the user's key changes (mode ${modeName})`, async () => {
      const userId = newUser()
      await honest.store({ userId, data: small })
      const cold = watched()
      const { fields, keyId, recordKey } = newSecret(keyMode)
      const stored = await cold.store({ userId, ...fields, data: small })
      expect([stored.keyId, stored.recordKey, stored.version]).to.deep.equal([keyId, recordKey, 2n])
      const [one, other] = cold.stores.map(({ record }) => record!.envelope)
      expect(cold.stores).to.have.length(2)
      expect(one?.subarray(8, 24)).to.deep.equal(other?.subarray(8, 24))
      expect(one?.subarray(24, 56)).not.to.deep.equal(other?.subarray(24, 56))
      expect(one?.subarray(88)).not.to.deep.equal(other?.subarray(88))
      expect((await cold.retrieve({ userId, recordKey })).data).to.deep.equal(small)
    })
  }

  it('have part sets of their own, which the record names; a record without parts names none', async () => {
    const userId = newUser()
    const { fields, recordKey } = newSecret(modes.split)
    const frontEnd = watched()
    await upload(frontEnd, { userId, ...fields }, large)
    await upload(frontEnd, { userId, ...fields }, large)
    const [one, again, other] = [0, 1, 2].map((at) => frontEnd.storedParts[at]!.partSetId)
    expect(one).to.have.length(16)
    expect(again).to.deep.equal(one)
    expect(other).to.have.length(16).and.not.deep.equal(one)
    expect(frontEnd.stores.map(({ record }) => record!.partSetId)).to.deep.equal([one, other])
    expect((await frontEnd.retrieve({ userId, recordKey })).data.equals(large)).to.equal(true)
    await upload(frontEnd, { userId }, small)
    await frontEnd.store({ userId, data: small })
    for (const { record } of frontEnd.stores.slice(-2)) expect(record!.partSetId).to.have.length(0)
  })

  it('tell the back end the age of the first one, with half a minute for the way to the front end', async () => {
    const userId = newUser()
    await honest.store({ userId, data: small })
    const { fields } = newSecret(modes.split)
    const frontEnd = watched()
    const begun = performance.now()
    await frontEnd.store({ userId, ...fields, data: small, triedMsAgo: 1_000 })
    const ages = frontEnd.stores.map(({ triedMsAgo }) => triedMsAgo)
    expect(ages).to.have.length(2)
    for (const age of ages) expect(age).to.be.within(31_000, 31_002 + performance.now() - begun)
    expect(ages[1]).to.be.at.least(ages[0]!)
  })

  it('tell the largest age that the field holds for an older one', async () => {
    const { fields } = newSecret(modes.split)
    const frontEnd = watched()
    await frontEnd.store({ userId: newUser(), ...fields, data: small, triedMsAgo: 2 ** 32 - 1 })
    expect(frontEnd.stores.map(({ triedMsAgo }) => triedMsAgo)).to.deep.equal([2 ** 32 - 1])
  })

  it('tell no age of a first call, with a secret or without', async () => {
    const frontEnd = watched()
    await frontEnd.store({ userId: newUser(), ...newSecret(modes.client).fields, data: small })
    await frontEnd.store({ userId: newUser(), data: small })
    await upload(frontEnd, { userId: newUser(), ...newSecret(modes.server).fields }, large)
    expect(frontEnd.stores.map(({ triedMsAgo }) => triedMsAgo)).to.deep.equal([0, 0, 0])
  })

  it('may come after the expiry in a repeat, which is answered by what was stored', async () => {
    const userId = newUser()
    const { fields } = newSecret(modes.split)
    const request = { userId, ...fields, data: small, expireTime: new Date('2500-01-01') }
    const first = await honest.store(request)
    const now = () => new Date('2600-01-01')
    const late = watched(undefined, { clock: { forRefusing: now, forRemoving: now } })
    const error = await refusal(late.store(request))
    expect([error.reason, error.fields[0]?.field]).to.deep.equal(['INVALID_REQUEST', 'expire_time'])
    expect(await late.store({ ...request, triedMsAgo: 1 })).to.deep.equal(first)
  })

  it('have an unknown outcome in a repeated restore whose source is gone', async () => {
    const userId = newUser()
    const source = await honest.store({ userId, data: small, keepVersions: 2 })
    await honest.store({ userId, data: small, keepVersions: 2 })
    const request = { userId, recordKey: source.recordKey, version: 1n, newRecordKey: newSecret(modes.split).recordKey }
    const restored = await honest.restore(request)
    expect(restored.version).to.equal(3n)
    expect(await reasonOf(honest.restore(request))).to.equal('RECORD_NOT_FOUND')
    expect(await reasonOf(honest.restore({ ...request, triedMsAgo: 1 }))).to.equal('OUTCOME_UNKNOWN')
    expect((await honest.retrieve({ userId, recordKey: request.newRecordKey })).data).to.deep.equal(small)
  })

  describe('when the answer to the write of a large record is lost', () => {
    const retryLimits = { tryMs: 60_000, totalMs: 60_000, pauseMs: 1, settleMs: 60_000 }

    /** Uploads by a front end whose first store has an unknown outcome, after `meanwhile` has run. */
    async function uploadAfter(
      { userId, secret }: { userId: string; secret: CallerSecret },
      meanwhile: (store: Parameters<Backend['storeEnvelope']>) => Promise<unknown>,
    ) {
      let isFirst = true
      const frontEnd = watched(
        async (...store) => {
          if (!isFirst) return world.backend.storeEnvelope(...store)
          isFirst = false
          await meanwhile(store)
          throw new VaultError('OUTCOME_UNKNOWN')
        },
        { retryLimits },
      )
      return upload(frontEnd, { userId, ...secret.fields }, large)
    }

    for (const [modeName, keyMode] of Object.entries(modes)) {
      it(`finds its own attempt, or that of a repeat of the caller (mode ${modeName})`, async () => {
        const secret = newSecret(keyMode)
        const userId = newUser()
        const own = await uploadAfter({ userId, secret }, (store) => world.backend.storeEnvelope(...store))
        expect([own.version, own.recordKey]).to.deep.equal([1n, secret.recordKey])
        const [otherSecret, otherUser] = [newSecret(keyMode), newUser()]
        const repeat = () => upload(honest, { userId: otherUser, ...otherSecret.fields }, large)
        const found = await uploadAfter({ userId: otherUser, secret: otherSecret }, repeat)
        expect(found).to.deep.include({ version: 1n, recordKey: otherSecret.recordKey })
      })
    }

    const cases: [string, Reason, (userId: string, secret: CallerSecret) => Promise<unknown>][] = [
      [
        'other contents under its token',
        'TOKEN_REUSED',
        (userId, { fields }) => upload(honest, { userId, ...fields }, seeded(MiB + 1, 2)),
      ],
      [
        'other associated data under its token',
        'RECORD_KEY_MISMATCH',
        (userId, { fields }) => upload(honest, { userId, ...fields, callerAad: Buffer.from('aad') }, large),
      ],
    ]
    for (const [what, reason, meanwhile] of cases) {
      it(`finds ${what}, and tells so`, async () => {
        const secret = newSecret(modes.split)
        const userId = newUser()
        expect(await reasonOf(uploadAfter({ userId, secret }, () => meanwhile(userId, secret)))).to.equal(reason)
      })
    }

    for (const keepVersions of [1, 2]) {
      it(`finds itself replaced, ${keepVersions} kept, and tells so`, async () => {
        const secret = newSecret(modes.split)
        const userId = newUser()
        const meanwhile = async (store: Parameters<Backend['storeEnvelope']>) => {
          await world.backend.storeEnvelope(...store)
          await honest.store({ userId, data: small, keepVersions })
        }
        expect(await reasonOf(uploadAfter({ userId, secret }, meanwhile))).to.equal('RECORD_REPLACED')
      })
    }
  })
})
