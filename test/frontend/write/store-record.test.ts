// A store under a user key that is no longer the live one: sealed again, three times at most.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Backend } from '../../../src/frontend/upstream/backend.js'
import type {
  StoreEnvelopeRequest,
  StoreEnvelopeResponse,
  UserDocument,
} from '../../../src/gen/encserver/v1/backend.js'
import { answer, reasonOf } from '../refusal.js'
import { upload } from '../transfers.js'
import { type FrontEnd, instead, keyringText, openWorld, type World, withoutUsers, withUsersOf } from '../world.js'

const data = Buffer.from('contents')

/** A back end that keeps what it was sent. */
function recorded(backend: Backend) {
  const sent: StoreEnvelopeRequest[] = []
  const storeEnvelope: Backend['storeEnvelope'] = (request, call) => {
    sent.push(request)
    return backend.storeEnvelope(request, call)
  }
  return { sent, backend: instead(backend, { storeEnvelope }) }
}

const answering = (world: World, results: (request: StoreEnvelopeRequest) => StoreEnvelopeResponse['result']) => {
  const sent: StoreEnvelopeRequest[] = []
  const storeEnvelope: Backend['storeEnvelope'] = async (request) => {
    sent.push(request)
    return { result: results(request) }
  }
  return { sent, frontEnd: world.frontEnd({ backend: instead(world.backend, { storeEnvelope }) }) }
}

describe('a store', () => {
  let world: World
  beforeEach(async () => {
    world = await openWorld()
  })
  afterEach(() => world.close())

  const expectRead = async (frontEnd: FrontEnd, userId: string, recordKey: string) =>
    expect((await frontEnd.retrieve({ userId, recordKey })).data).to.deep.equal(data)

  it('brings the user until the store has it, and never after', async () => {
    const { sent, backend } = recorded(world.backend)
    const frontEnd = world.frontEnd({ backend })
    for (let i = 0; i < 3; i += 1) await frontEnd.store({ userId: 'u', recordName: `${i}`, data })
    expect(sent.map(({ newUser }) => newUser !== undefined)).to.deep.equal([true, false, false])
  })

  it('brings the same user again after a store that failed', async () => {
    let down = true
    const { sent, backend } = recorded(world.backend)
    const broken = instead(backend, {
      storeEnvelope: (request, call) => {
        sent.push(request)
        if (down) throw new Error('down')
        return world.backend.storeEnvelope(request, call)
      },
    })
    const frontEnd = world.frontEnd({ backend: broken })
    expect(await reasonOf(frontEnd.store({ userId: 'u', data }))).to.equal('INTERNAL')
    down = false
    const { recordKey } = await frontEnd.store({ userId: 'u', data })
    expect(sent[0]?.newUser).to.deep.equal(sent[1]?.newUser)
    await expectRead(frontEnd, 'u', recordKey)
  })

  it('is sealed again when another front end made the user first', async () => {
    const [one, other] = [world.frontEnd(), recorded(world.backend)]
    const { recordKey: first } = await one.store({ userId: 'u', recordName: 'first', data })
    const late = world.frontEnd({ backend: other.backend })
    const { recordKey } = await late.store({ userId: 'u', data })
    expect(other.sent).to.have.length(2)
    await expectRead(one, 'u', recordKey)
    expect((await late.retrieve({ userId: 'u', recordName: 'first', recordKey: first })).data).to.deep.equal(data)
    await late.store({ userId: 'u', data })
    expect(other.sent).to.have.length(3)
  })

  it('draws new keys for every try', async () => {
    await world.frontEnd().store({ userId: 'u', data })
    const { sent, backend } = recorded(world.backend)
    await world.frontEnd({ backend }).store({ userId: 'u', data })
    const [first, second] = sent.map(({ record }) => record!)
    expect(first!.envelope.subarray(8, 88).equals(second!.envelope.subarray(8, 88))).to.equal(false)
    expect(first!.envelope.subarray(8, 24).equals(second!.envelope.subarray(8, 24))).to.equal(false)
    expect(first!.envelope.subarray(24, 56).equals(second!.envelope.subarray(24, 56))).to.equal(false)
  })

  it('makes the user again when the store lost it', async () => {
    const { sent, backend } = recorded(world.backend)
    const frontEnd = world.frontEnd({ backend })
    const before = await frontEnd.store({ userId: 'u', recordName: 'before', data })
    const life = (await world.userDocument(frontEnd, 'u'))!
    await world.reopen(withoutUsers)
    const { recordKey } = await frontEnd.store({ userId: 'u', data })
    expect(sent).to.have.length(3)
    await expectRead(frontEnd, 'u', recordKey)
    const reborn = (await world.userDocument(frontEnd, 'u'))!
    expect(reborn.userUid.equals(life.userUid)).to.equal(false)
    const old = frontEnd.retrieve({ userId: 'u', recordName: 'before', recordKey: before.recordKey })
    expect(await reasonOf(old)).to.equal('RECORD_NOT_FOUND')
  })

  it('is sealed again under the user that replaced the one it knew', async () => {
    const elsewhere = await openWorld()
    try {
      const frontEnd = world.frontEnd()
      await frontEnd.store({ userId: 'u', data })
      const twin = elsewhere.frontEnd({ keyringText: world.keyringText })
      await twin.store({ userId: 'u', data })
      const document = await elsewhere.userDocument(twin, 'u')
      await elsewhere.reopen(async () => {
        await world.reopen(withUsersOf(join(elsewhere.folder, 'store')))
      })
      const { recordKey } = await frontEnd.store({ userId: 'u', data })
      await expectRead(frontEnd, 'u', recordKey)
      expect(await world.userDocument(frontEnd, 'u')).to.deep.equal(document)
    } finally {
      await elsewhere.close()
    }
  })

  it('by many at once survives that the store lost the user', async () => {
    let made = 0
    const wait = () => new Promise((resolve) => setTimeout(resolve, (made++ * 7) % 20))
    const slow = instead(world.backend, {
      async storeEnvelope(request, call) {
        await wait()
        const response = await world.backend.storeEnvelope(request, call)
        await wait()
        return response
      },
    })
    const frontEnd = world.frontEnd({ backend: slow })
    await frontEnd.store({ userId: 'u', data })
    await world.reopen(withoutUsers)
    const stored = await Promise.all(
      Array.from({ length: 100 }, (_, at) => frontEnd.store({ userId: 'u', recordName: `${at}`, data })),
    )
    for (const [at, { recordKey }] of stored.entries()) {
      expect((await frontEnd.retrieve({ userId: 'u', recordName: `${at}`, recordKey })).data).to.deep.equal(data)
    }
  })

  it('takes two tries at most when many users share a cache of one key, in one message and in an upload', async () => {
    const userIds = Array.from({ length: 20 }, (_, at) => `u${at}`)
    for (const userId of userIds) await world.frontEnd().store({ userId, recordName: 'first', data })
    const { sent, backend } = recorded(world.backend)
    const crowded = world.frontEnd({ backend, config: { userKeyCache: { maxUsers: 1, maxAgeMs: 60_000 } } })
    const storeOrUpload = (name: { userId: string; recordName: string }, at: number) =>
      at % 2 === 0 ? crowded.store({ ...name, data }) : upload(crowded, name, data)
    for (let round = 0; round < 10; round += 1) {
      const names = userIds.map((userId) => ({ userId, recordName: `${round}` }))
      const stored = await Promise.all(names.map(storeOrUpload))
      for (const [at, { recordKey }] of stored.entries()) {
        expect((await crowded.retrieve({ ...names[at]!, recordKey })).data).to.deep.equal(data)
      }
    }
    const tries = new Map<string, number>()
    for (const { record } of sent) {
      const recordId = record!.recordId.toString('hex')
      tries.set(recordId, (tries.get(recordId) ?? 0) + 1)
    }
    expect(tries.size).to.equal(10 * userIds.length)
    for (const count of tries.values()) expect(count).to.be.at.most(2)
    expect(sent.length).to.be.above(tries.size) // the cache is too small, so some writes needed a second try
  })

  const contention = {
    code: 10,
    reason: 'CONTENTION',
    message: 'the user key changed meanwhile; try again',
    fields: [],
    retryAfterMs: undefined,
  }

  it('gives up after three tries when the user is never there', async () => {
    const { sent, frontEnd } = answering(world, () => ({ $case: 'userAbsent', value: {} }))
    expect(await answer(frontEnd.store({ userId: 'u', data }))).to.deep.equal(contention)
    expect(sent).to.have.length(3)
    expect(new Set(sent.map(({ record }) => record!.userUid.toString('hex')))).to.have.property('size', 3)
  })

  it('gives up after three tries when it is always another', async () => {
    const frontEnd = world.frontEnd()
    await frontEnd.store({ userId: 'u', data })
    const document = (await world.userDocument(frontEnd, 'u')) as UserDocument
    const liar = answering(world, () => ({ $case: 'currentUser', value: document }))
    expect(await answer(liar.frontEnd.store({ userId: 'u', data }))).to.deep.equal(contention)
    expect(liar.sent).to.have.length(3)
    expect(liar.sent.slice(1).every(({ record }) => record!.userUid.equals(document.userUid))).to.equal(true)
  })

  it('never seals under a key that is not of the user', async () => {
    const frontEnd = world.frontEnd()
    await frontEnd.store({ userId: 'stranger', data })
    const foreign = (await world.userDocument(frontEnd, 'stranger')) as UserDocument
    for (const document of [foreign, { ...foreign, userUid: randomBytes(16) }, { ...foreign, generations: [] }]) {
      const liar = answering(world, () => ({ $case: 'currentUser', value: document }))
      expect(await reasonOf(liar.frontEnd.store({ userId: 'u', data }))).to.equal('RECORD_CORRUPT')
      expect(liar.sent).to.have.length(1)
    }
  })

  it('fails when the back end answers with nothing', async () => {
    const { frontEnd } = answering(world, () => undefined)
    expect(await reasonOf(frontEnd.store({ userId: 'u', data }))).to.equal('INTERNAL')
  })

  it('under a keyring that is not the bound one is refused', async () => {
    await world.frontEnd().store({ userId: 'u', data })
    const stranger = world.frontEnd({ keyringText: keyringText() })
    expect(await answer(stranger.store({ userId: 'v', data }))).to.deep.equal({
      code: 9,
      reason: 'KEYRING_MISMATCH',
      message: 'the store belongs to another keyring',
      fields: [],
      retryAfterMs: undefined,
    })
  })
})
