// The back end's typed client over connections that break, and the retries that it makes.
import { expect } from 'chai'
import { backendClient } from '../../src/backend/client.js'
import { openLevelStore } from '../../src/backend/engines/level/store.js'
import { backendService } from '../../src/backend/service/service.js'
import { newCall } from '../../src/core/client/client.js'
import { VaultError } from '../../src/core/errors.js'
import type { SealedRecord, StoreEnvelopeRequest } from '../../src/gen/encserver/v1/backend.js'
import { proxyTo } from '../core/broken-connections.js'
import { atEnd, releaseAll } from '../core/fake-frontend.js'
import { type Backend, never, pause, serveBackend } from './fake-backend.js'
import { noParts } from './no-parts.js'
import { call, reasonOf, sampleRecord, sampleUser, storeOf, tempFolder } from './samples.js'

/** A back end on LevelDB behind a connection that breaks at the first store; `first` decides what that store does. */
async function breaking(first: (service: Backend, request: StoreEnvelopeRequest) => Promise<unknown>) {
  const folder = await tempFolder()
  const store = await openLevelStore({ folder: folder.path })
  atEnd(folder.remove)
  atEnd(store.close)
  const service = backendService({ store, parts: noParts })
  const tried: number[] = []
  let cut = () => {}
  const { address } = await serveBackend({
    ...service,
    async storeEnvelope(request, context) {
      tried.push(request.triedMsAgo)
      if (tried.length > 1) return service.storeEnvelope(request, context)
      await first(service, request)
      cut()
      return new Promise((_, reject) => context.signal.addEventListener('abort', () => reject(context.signal.reason)))
    },
  })
  const proxy = await proxyTo(address)
  cut = proxy.cut
  const { methods, close } = backendClient({ address: proxy.address })
  atEnd(close)
  return { methods, service, tried }
}

const remove = (service: Backend, { recordId }: SealedRecord) =>
  service.deleteEnvelope({ recordIds: [recordId], expectKeyId: Buffer.alloc(0) }, call)

describe('backend client', () => {
  afterEach(releaseAll)
  const newStore = () => {
    const user = sampleUser()
    const record = sampleRecord(user, { storeTime: undefined })
    return { record, request: storeOf(record, { newUser: user }) }
  }

  it('retries a store over a new connection, with the age of the prior attempt', async () => {
    const { record, request } = newStore()
    const { methods, service, tried } = await breaking(async () => undefined)
    const begun = Date.now()
    const { result } = await methods.storeEnvelope(request, newCall())
    expect(result).to.include({ $case: 'stored' })
    expect(tried).to.have.length(2)
    expect(tried[0]).to.equal(0)
    expect(tried[1]).to.be.within(1, Date.now() - begun + 1)
    const found = await service.retrieveEnvelope({ recordIds: [record.recordId], version: 0n }, call)
    expect(found.record?.envelope).to.deep.equal(record.envelope)
  })

  it('sends the age of the first attempt, after a batch and a call alone that broke', async () => {
    const tried: number[] = []
    let cut = () => {}
    const { address } = await serveBackend({
      async *executeBatch() {
        await pause(40)
        cut()
        yield* never()
      },
      async storeEnvelope({ triedMsAgo }) {
        tried.push(triedMsAgo)
        if (tried.length === 1) throw new VaultError('OVERLOADED', { retryAfterMs: 30 })
        return { result: { $case: 'userAbsent', value: {} } }
      },
    })
    const proxy = await proxyTo(address)
    cut = proxy.cut
    const { methods, close } = backendClient({ address: proxy.address })
    atEnd(close)
    const { record, request } = newStore()
    const begun = Date.now()
    const read = methods.retrieveEnvelope({ recordIds: [record.recordId], version: 0n }, newCall())
    await Promise.all([methods.storeEnvelope({ ...request, triedMsAgo: 1_000 }, newCall()), read]) // two make a batch
    expect(tried[0]).to.be.within(1_040, 1_003 + Date.now() - begun)
    expect(tried[1]).to.be.within((tried[0] ?? 0) + 30, 1_003 + Date.now() - begun)
  })

  it('takes the outcome of a retried delete for known only if it removed the record', async () => {
    const failed = () => Promise.reject(new VaultError('PRECONDITION_FAILED'))
    for (const [first, second, outcome] of [
      ['cut', async () => ({ deleted: true }), true],
      ['cut', async () => ({ deleted: false }), 'OUTCOME_UNKNOWN'],
      ['cut', failed, 'OUTCOME_UNKNOWN'],
      ['busy', async () => ({ deleted: false }), false],
      ['busy', failed, 'PRECONDITION_FAILED'],
    ] as const) {
      let tries = 0
      let cut = () => {}
      const { address } = await serveBackend({
        async deleteEnvelope(_, { signal }) {
          tries += 1
          if (tries > 1) return second()
          if (first === 'busy') throw new VaultError('OVERLOADED')
          cut()
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        },
      })
      const proxy = await proxyTo(address)
      cut = proxy.cut
      const { methods, close } = backendClient({ address: proxy.address })
      atEnd(close)
      const { record } = newStore()
      const request = { recordIds: [record.recordId], expectKeyId: Buffer.alloc(0) }
      const answer = methods.deleteEnvelope(request, newCall())
      expect(
        await answer.then(
          ({ deleted }) => deleted,
          (error: VaultError) => error.reason,
        ),
      ).to.equal(outcome)
      expect(tries).to.equal(2)
    }
  })

  it('brings back no record that was deleted before the retry', async () => {
    const { record, request } = newStore()
    const { methods, service, tried } = await breaking(async (backend, first) => {
      await backend.storeEnvelope(first, call)
      await remove(backend, record)
    })
    expect(await reasonOf(methods.storeEnvelope(request, newCall()))).to.equal('OUTCOME_UNKNOWN')
    expect(tried).to.have.length(2)
    const found = await service.retrieveEnvelope({ recordIds: [record.recordId], version: 0n }, call)
    expect(found.record).to.equal(undefined)
  })
})
