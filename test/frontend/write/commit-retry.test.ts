import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { type Reason, VaultError } from '../../../src/core/errors.js'
import type { Backend } from '../../../src/frontend/upstream/backend.js'
import type { RetryLimits } from '../../../src/frontend/upstream/retry.js'
import { reasonOf } from '../refusal.js'
import { MiB, seeded, upload } from '../transfers.js'
import { type FrontEnd, instead, openWorld, type World } from '../world.js'

describe('commit retry', () => {
  let world: World
  let frontEnd: FrontEnd
  before(async () => {
    world = await openWorld()
    frontEnd = world.frontEnd()
  })
  after(() => world.close())

  const data = seeded(MiB + 1)
  const brief: RetryLimits = { tryMs: 60_000, totalMs: 60_000, pauseMs: 50, settleMs: 500 }
  const breaks = (reason: Reason) => Promise.reject(new VaultError(reason))
  const isThere = async (userId: string) => (await frontEnd.list({ userId })).records.length > 0

  /** A front end whose first store of parts is answered by a broken connection; `first` is what became of it. */
  function broken(
    first: (...store: Parameters<Backend['storeEnvelope']>) => Promise<unknown>,
    more: Partial<Backend> = {},
    { fault = new VaultError('OUTCOME_UNKNOWN'), limits = brief } = {},
  ) {
    let stores = 0
    const backend = instead(world.backend, {
      async storeEnvelope(...store) {
        const [{ record }] = store
        stores += record!.partCount > 0 ? 1 : 0
        if (record!.partCount === 0 || stores > 1) return world.backend.storeEnvelope(...store)
        await first(...store)
        return Promise.reject(fault)
      },
      ...more,
    })
    return { ...world.frontEnd({ backend, retryLimits: limits }), stores: () => stores }
  }
  const written: Backend['storeEnvelope'] = (...store) => world.backend.storeEnvelope(...store)
  const lost = () => Promise.resolve()
  const thenDeleted =
    (userId: string): Backend['storeEnvelope'] =>
    async (...store) => {
      const stored = await written(...store)
      await frontEnd.delete({ userId })
      return stored
    }
  /** A record, and the condition that it is still that one. */
  async function former(userId: string, by = frontEnd) {
    const { keyId } = await upload(by, { userId }, seeded(10))
    return { condition: { $case: 'keyId', value: keyId } as const }
  }

  it('finds the version whose answer was lost, and does not write again', async () => {
    const broke = broken(written)
    const { version, recordKey } = await upload(broke, { userId: 'found' }, data)
    expect([version, broke.stores()]).to.deep.equal([1n, 1])
    const { record } = await frontEnd.retrieve({ userId: 'found', recordKey })
    expect(record!.sizeBytes).to.equal(BigInt(data.length))
  })

  for (const keepVersions of [1, 2]) {
    it(`finds its version though others replaced it, ${keepVersions} kept, and leaves theirs`, async () => {
      const userId = `replaced-${keepVersions}`
      const other = seeded(10)
      let newest: { recordKey: string } | undefined
      const broke = broken(async (...store) => {
        await written(...store)
        await upload(frontEnd, { userId, keepVersions }, other)
        newest = await upload(frontEnd, { userId, keepVersions }, other)
      })
      expect((await upload(broke, { userId, keepVersions }, data)).version).to.equal(1n)
      expect((await frontEnd.retrieve({ userId, ...newest })).data).to.deep.equal(other)
    })
  }

  it('waits for the back end to look for it', async () => {
    let away = 2
    const broke = broken(written, {
      listEnvelopeVersions: (...asked) =>
        away-- > 0 ? breaks('UNREACHABLE') : world.backend.listEnvelopeVersions(...asked),
    })
    expect((await upload(broke, { userId: 'looked-for' }, data)).version).to.equal(1n)
  })

  it('finds a prior attempt that lands a moment after it failed', async () => {
    const landing: Promise<unknown>[] = []
    const first: Backend['storeEnvelope'] = async (...store) => {
      landing.push(pause(200).then(() => written(...store)))
      return {} as never
    }
    const broke = broken(first, {}, { limits: { ...brief, settleMs: 30_000 } })
    expect((await upload(broke, { userId: 'late' }, data)).version).to.equal(1n)
    expect([landing.length, broke.stores()]).to.deep.equal([1, 1])
  })

  it('looks for as long as it may land, and no longer', async () => {
    const looked: number[] = []
    const broke = broken(lost, {
      listEnvelopeVersions: (...asked) => {
        looked.push(Date.now())
        return world.backend.listEnvelopeVersions(...asked)
      },
    })
    expect(await reasonOf(upload(broke, { userId: 'never' }, data))).to.equal('OUTCOME_UNKNOWN')
    expect(looked.length).to.be.above(2)
    expect(looked.at(-1)! - looked[0]!).to.be.within(brief.settleMs - 2 * brief.pauseMs, brief.totalMs / 2)
  })

  it('a look that the back end does not answer ends nothing; the retry limits do', async () => {
    const limits = { ...brief, totalMs: 2_000 }
    const broke = broken(lost, { listEnvelopeVersions: () => breaks('UNREACHABLE') }, { limits })
    const startedAt = Date.now()
    expect(await reasonOf(upload(broke, { userId: 'away' }, data))).to.equal('OUTCOME_UNKNOWN')
    expect(Date.now() - startedAt).to.be.within(limits.totalMs - 500, 30_000)
  })

  it('is unknown when it is not there: never written, or deleted since, it is not brought back', async () => {
    for (const [userId, first] of Object.entries({ lost, deleted: thenDeleted('deleted') })) {
      const broke = broken(first)
      expect(await reasonOf(upload(broke, { userId }, data))).to.equal('OUTCOME_UNKNOWN')
      expect([broke.stores(), await isThere(userId)]).to.deep.equal([1, false])
    }
    const absent = { condition: { $case: 'absent', value: true } as const }
    const broke = broken(thenDeleted('absent'))
    expect(await reasonOf(upload(broke, { userId: 'absent', precondition: absent }, data))).to.equal('OUTCOME_UNKNOWN')
    expect(await isThere('absent')).to.equal(false)
  })

  it('is made again if a key id is expected, done before or not', async () => {
    for (const [userId, first] of Object.entries({ 'lost-on': lost, 'written-on': written })) {
      const broke = broken(first)
      expect((await upload(broke, { userId, precondition: await former(userId, broke) }, data)).version).to.equal(2n)
      expect(broke.stores()).to.equal(2)
    }
  })

  it('with an expected key id it brings nothing back, and its refusal leaves the outcome of the prior attempt unknown', async () => {
    const userId = 'deleted-on'
    const broke = broken(thenDeleted(userId))
    expect(await reasonOf(upload(broke, { userId, precondition: await former(userId, broke) }, data))).to.equal(
      'OUTCOME_UNKNOWN',
    )
    expect([broke.stores(), await isThere(userId)]).to.deep.equal([2, false])
  })

  it('is made again after a deadline that passed before it was sent', async () => {
    const cause = { details: 'Deadline exceeded after 30.001s,Waiting for LB pick' }
    const broke = broken(lost, {}, { fault: new VaultError('DEADLINE_EXCEEDED', { cause }) })
    expect((await upload(broke, { userId: 'unsent' }, data)).version).to.equal(1n)
    expect(broke.stores()).to.equal(2)
  })

  it('a refusal without a prior attempt of unknown outcome passes on unchanged', async () => {
    const precondition = await former('refused')
    await upload(frontEnd, { userId: 'refused' }, seeded(5))
    expect(await reasonOf(upload(frontEnd, { userId: 'refused', precondition }, data))).to.equal('PRECONDITION_FAILED')
  })
})
