// Calls that wait together share a message, and what that must not change: whatever happens to the message, each call has
// a sure answer, and what is stored is stored once.
import { join } from 'node:path'
import { expect } from 'chai'
import { type BackendClient, backendClient, newCall } from '../../src/backend/client.js'
import { VaultError } from '../../src/core/errors.js'
import type { SealedRecord, StoreEnvelopeRequest } from '../../src/gen/encserver/v1/backend.js'
import { sampleRecord, sampleUser, storeOf } from '../backend/samples.js'
import { eventsIn, pause, until } from './calls.js'
import { describeEngines } from './engines.js'
import { type Sandbox, type Server, sandbox } from './processes.js'
import { startProxy, type TcpProxy } from './proxy.js'

const count = 40
const smallestBatch = 10_000 // bytes of the message of so many stores; a call by itself is smaller

function newStores(): StoreEnvelopeRequest[] {
  const user = sampleUser()
  return Array.from({ length: count }, () => {
    const record = sampleRecord(user, { storeTime: undefined })
    return storeOf(record, { newUser: user })
  })
}

interface Vault {
  backend: Server
  proxy: TcpProxy
  /** Behind the proxy. */
  client: BackendClient
  /** Past it. */
  direct: BackendClient
  /** Methods in the back end's log. */
  methods(): string[]
}

async function startVault(box: Sandbox): Promise<Vault> {
  const dataDir = join(box.folder(), 'backend')
  const backend = await box.backend({ dataDir })
  const proxy = await startProxy(box, backend)
  const [client, direct] = [proxy, backend].map(({ address }) => {
    const connection = backendClient({ address })
    box.defer(() => connection.close())
    return connection
  }) as [BackendClient, BackendClient]
  await client.methods.getStoreInfo({}, newCall())
  const methods = () => {
    const calls = eventsIn(join(dataDir, 'log', 'beserver.log')).filter(({ event }) => event === 'call')
    return calls.map(({ method }) => String(method).split('/')[2] as string)
  }
  return { backend, proxy, client, direct, methods }
}

/** `stored` with its version, or the reason it was refused for. */
async function storeAll({ methods }: BackendClient, requests: StoreEnvelopeRequest[], timeoutMs = 20_000) {
  const stores = requests.map(async (request) => {
    try {
      const { result } = await methods.storeEnvelope(request, newCall({ timeoutMs }))
      return result?.$case === 'stored' ? `stored ${result.value.version}` : result?.$case
    } catch (error) {
      return error instanceof VaultError ? error.reason : 'not ours'
    }
  })
  return Promise.all(stores)
}

async function expectStoredOnce({ methods }: BackendClient, requests: StoreEnvelopeRequest[]): Promise<void> {
  for (const { record } of requests) {
    const { recordId, envelope } = record as SealedRecord
    const found = await methods.retrieveEnvelope({ recordIds: [recordId], version: 0n }, newCall())
    expect(found.record?.version).to.equal(1n)
    expect(found.record?.envelope.equals(envelope)).to.equal(true)
  }
}

describeEngines('e2e: gathering', (engine) => {
  const box = sandbox(engine)

  it('64 callers of a front end share a few messages to the back end', async () => {
    const dataDir = join(box.folder(), 'backend')
    const backend = await box.backend({ dataDir })
    const client = box.client(await box.frontend({ backend }))
    const names = Array.from({ length: 64 }, (_, at) => `record-${at}`)
    await client.storeRecord({ userId: 'JTH', recordName: 'first', data: Buffer.from('first') })
    const keys = await Promise.all(
      names.map((recordName) => client.storeRecord({ userId: 'JTH', recordName, data: Buffer.from(recordName) })),
    )
    const found = await Promise.all(
      names.map((recordName, at) => {
        return client.retrieveRecord({ userId: 'JTH', recordName, recordKey: keys[at]!.recordKey })
      }),
    )
    expect(found.map(({ data }) => data.toString())).to.deep.equal(names)
    const log = join(dataDir, 'log', 'beserver.log')
    const streams = () => eventsIn(log).filter(({ method }) => method?.endsWith('/ExecuteBatch'))
    await until(() => streams().length > 0)
    await pause(1_000) // those without a batch have ended
    const batches = streams().reduce((sum, { requests }) => sum + Number(requests), 0)
    const others = eventsIn(log).filter(({ method }) => method !== undefined).length - streams().length
    expect(batches + others).to.be.below(80) // of 129 and what the front end asks at its start
  })

  describe('over a connection that breaks', () => {
    let vault: Vault
    beforeEach(async () => {
      vault = await startVault(box)
    })

    it('before the message is sent: all is stored, once', async () => {
      const { proxy, client, direct } = vault
      const requests = newStores()
      proxy.cut()
      expect(await storeAll(client, requests)).to.deep.equal(requests.map(() => 'stored 1'))
      await expectStoredOnce(direct, requests)
    })

    it('while the message is on its way: all is stored, once', async () => {
      const { proxy, client, direct, methods } = vault
      let cuts = 0
      proxy.filter((direction, piece) => {
        if (direction === 'down' || piece.length < smallestBatch || cuts > 0) return true
        cuts += 1
        setImmediate(proxy.cut)
        return false
      })
      const requests = newStores()
      expect(await storeAll(client, requests)).to.deep.equal(requests.map(() => 'stored 1'))
      expect(cuts).to.equal(1)
      await expectStoredOnce(direct, requests)
      await until(() => methods().filter((method) => method === 'StoreEnvelope').length === count) // each by itself
    })

    it('after the back end has done the work: all is answered as stored, once', async () => {
      const { proxy, client, direct, methods } = vault
      let sent = false
      let cuts = 0
      proxy.filter((direction, piece) => {
        if (direction === 'up') sent ||= piece.length >= smallestBatch
        if (direction === 'up' || !sent || cuts > 0 || piece.length < 200) return true
        cuts += 1
        setImmediate(proxy.cut)
        return false // the results
      })
      const requests = newStores()
      expect(await storeAll(client, requests)).to.deep.equal(requests.map(() => 'stored 1'))
      expect(cuts).to.equal(1)
      await expectStoredOnce(direct, requests)
      await until(() => methods().includes('ExecuteBatch'))
      await until(() => methods().filter((method) => method === 'StoreEnvelope').length > 0)
    })

    it('and then for good: OUTCOME_UNKNOWN of writes, UNREACHABLE of reads', async () => {
      const { proxy, client, backend } = vault
      const requests = newStores()
      await storeAll(client, requests.slice(0, 1))
      let sent = false
      proxy.filter((direction, piece) => {
        if (direction === 'up') sent ||= piece.length >= smallestBatch
        if (direction === 'down' && sent) {
          backend.kill('SIGKILL')
          return false
        }
        return true
      })
      const ids = requests.map(({ record }) => record?.recordId as Buffer)
      const reads = ids.map((id) => {
        return client.methods.retrieveEnvelope({ recordIds: [id], version: 0n }, newCall()).then(
          () => 'read',
          ({ reason }: VaultError) => reason,
        )
      })
      const [stored, read] = await Promise.all([storeAll(client, requests.slice(1), 10_000), Promise.all(reads)])
      expect(new Set(stored)).to.deep.equal(new Set(['OUTCOME_UNKNOWN']))
      expect(new Set(read)).to.deep.equal(new Set(['UNREACHABLE']))
    })

    it('because nobody is there: UNREACHABLE of all', async () => {
      const { client, backend } = vault
      await backend.stop('SIGKILL')
      const outcomes = await storeAll(client, newStores(), 10_000)
      // What met the broken connection on its way out may be unknown; what began after it is sure.
      expect(new Set(outcomes).size).to.be.within(1, 2)
      expect(new Set(await storeAll(client, newStores(), 10_000))).to.deep.equal(new Set(['UNREACHABLE']))
    })

    it('that stalls: each call ends at its own deadline, and later ones are answered', async () => {
      const { proxy, client } = vault
      proxy.stall()
      const startedAt = Date.now()
      const ends = [300, 900].map(async (timeoutMs) => {
        const outcomes = await storeAll(client, newStores(), timeoutMs)
        return { outcomes: new Set(outcomes), ms: Date.now() - startedAt }
      })
      const [short, long] = await Promise.all(ends)
      for (const [end, ms] of [
        [short, 300],
        [long, 900],
      ] as const) {
        expect(end!.outcomes).to.deep.equal(new Set(['DEADLINE_EXCEEDED']))
        expect(end!.ms).to.be.within(ms - 20, ms + 600)
      }
      proxy.resume()
      const requests = newStores()
      expect(await storeAll(client, requests)).to.deep.equal(requests.map(() => 'stored 1'))
    })

    it('again and again: no store is lost, and none made twice', async () => {
      const { proxy, client, direct } = vault
      const all: StoreEnvelopeRequest[] = []
      const startedAt = Date.now()
      await storeAll(client, newStores())
      const roundMs = Date.now() - startedAt // on this machine, as busy as it is
      let done = false
      const breaking = (async () => {
        while (!done) {
          await pause(40 + Math.random() * 120 + roundMs * Math.random() * 2)
          proxy.cut()
        }
      })()
      for (let round = 0; round < 12; round += 1) {
        const requests = newStores()
        const outcomes = await storeAll(client, requests)
        requests.forEach((request, at) => {
          if (outcomes[at] === 'stored 1') all.push(request)
        })
        for (const outcome of outcomes) expect(outcome).to.be.oneOf(['stored 1', 'OUTCOME_UNKNOWN', 'UNREACHABLE'])
      }
      done = true
      await breaking
      expect(all.length).to.be.above(count * 6)
      await expectStoredOnce(direct, all)
    })
  })
})
