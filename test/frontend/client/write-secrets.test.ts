import { inspect } from 'node:util'
import { expect } from 'chai'
import { VaultError } from '../../../src/core/errors.js'
import type { CallContext } from '../../../src/core/methods.js'
import { frontendClient, KeyMode, newRecordKey, triedWrite, triedWrites } from '../../../src/frontend/client.js'
import { parseToken } from '../../../src/frontend/crypto/token.js'
import type { StoreRecordRequest } from '../../../src/gen/encserver/v1/frontend.js'
import { proxyTo } from '../../core/broken-connections.js'
import { atEnd, type Fake, failure, releaseAll, serveFake } from '../../core/fake-frontend.js'

const answer = { recordKey: 'rvk1_answer', version: 1n, keyId: Buffer.alloc(16), storeTime: undefined }
const data = Buffer.from('contents')
const request = { userId: 'u', recordName: 'r', data }

/** A client of a front end of these methods. */
async function clientOf(methods: Partial<Fake>, keyMode?: KeyMode) {
  const { address } = await serveFake({ methods })
  const client = frontendClient({ address, ...(keyMode !== undefined && { keyMode }) })
  atEnd(client.close)
  return client
}

function modeOf(recordKey: string): number {
  const { mode, key } = parseToken(recordKey)
  key.close()
  return mode
}

describe('the secrets of writes', () => {
  afterEach(releaseAll)

  it('are made for each kind of write, of the mode that the caller or the client names', async () => {
    const seen: Pick<StoreRecordRequest, 'recordKey' | 'writeId' | 'keyMode'>[] = []
    const keep = async (write: Pick<StoreRecordRequest, 'recordKey' | 'writeId' | 'keyMode'>) => {
      seen.push(write)
      return answer
    }
    const methods: Partial<Fake> = {
      storeRecord: keep,
      importLegacyRecord: keep,
      restoreRecord: (write) => keep({ ...write, recordKey: write.newRecordKey }),
      async uploadRecord(messages) {
        for await (const { part } of messages) if (part?.$case === 'header') await keep(part.value)
        return answer
      },
      async *storeRecords(items) {
        for await (const { itemId, record } of items)
          yield { itemId, outcome: { $case: 'stored', value: await keep(record!) } }
      },
    }
    const client = await clientOf(methods)
    await client.storeRecord(request)
    await client.storeRecord({ ...request, keyMode: KeyMode.KEY_MODE_CLIENT })
    await client.importLegacyRecord({ userId: 'u', blob: data })
    await client.restoreRecord({ userId: 'u', version: 1n, recordKey: newRecordKey() })
    await client.uploadRecord({ userId: 'u' }, [data])
    for await (const _ of client.storeRecords([{ itemId: 'a', record: request }])) void _
    expect(seen.map(({ recordKey }) => modeOf(recordKey))).to.deep.equal([3, 1, 3, 3, 3, 3])
    expect(seen.map(({ keyMode }) => keyMode)).to.deep.equal([3, 1, 3, 3, 3, 3])
    expect(new Set(seen.map(({ recordKey }) => recordKey))).to.have.property('size', 6)

    seen.splice(0)
    const byServer = await clientOf(methods, KeyMode.KEY_MODE_SERVER)
    await byServer.storeRecord(request)
    expect(seen[0]).to.deep.include({ recordKey: '', keyMode: KeyMode.KEY_MODE_SERVER })
    expect(seen[0]!.writeId.length).to.equal(32)
  })

  it('are those of the caller if it brings one', async () => {
    const seen: StoreRecordRequest[] = []
    const client = await clientOf({
      storeRecord: async (write) => {
        seen.push(write)
        return answer
      },
    })
    const recordKey = newRecordKey(KeyMode.KEY_MODE_CLIENT)
    const writeId = Buffer.alloc(32, 7)
    await client.storeRecord({ ...request, recordKey })
    await client.storeRecord({ ...request, writeId })
    expect(seen[0]).to.deep.include({ recordKey, keyMode: KeyMode.KEY_MODE_UNSPECIFIED })
    expect(seen[1]).to.deep.include({ recordKey: '', writeId })
  })

  it('stay the same when a broken connection makes the client repeat a store, with a precondition too', async () => {
    const seen: StoreRecordRequest[] = []
    let cut = (): void => {}
    const storeRecord = (write: StoreRecordRequest, { signal }: CallContext) => {
      if (seen.push(write) > 1) return Promise.resolve(answer)
      cut()
      return new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
    const { address } = await serveFake({ methods: { storeRecord } })
    const proxy = await proxyTo(address)
    cut = proxy.cut
    const client = frontendClient({ address: proxy.address })
    atEnd(client.close)
    await client.storeRecord({ ...request, precondition: { condition: { $case: 'absent', value: true } } })
    expect(seen).to.have.length(2)
    expect(seen[1]!.recordKey).to.equal(seen[0]!.recordKey)
    expect(seen[0]!.triedMsAgo).to.equal(0)
    expect(seen[1]!.triedMsAgo).to.be.within(1, 30_000)
  })

  it('are known after a failure, and nothing prints them with the error', async () => {
    let sent = ''
    const client = await clientOf({
      storeRecord: async ({ recordKey }) => {
        sent = recordKey
        throw new VaultError('STORE_UNAVAILABLE')
      },
    })
    const error = await failure(client.storeRecord(request))
    expect(triedWrite(error)).to.deep.equal({ recordKey: sent, writeId: Buffer.alloc(0) })
    const printed = [inspect(error, { showHidden: true, depth: 9 }), JSON.stringify(error), String(error)].join()
    expect(printed).to.not.include(sent)
    expect(triedWrite(await failure(client.retrieveRecord({ userId: '\ud800' })))).to.equal(undefined)
    expect(triedWrite('text')).to.equal(undefined)
  })

  it('are known for the items of a stream, answered with an error or not at all', async () => {
    const sent = new Map<string, string>()
    const client = await clientOf({
      async *storeRecords(items) {
        for await (const { itemId, record } of items) {
          sent.set(itemId, record!.recordKey)
          if (itemId === 'bad') {
            yield { itemId, outcome: { $case: 'error' as const, value: { code: 14, message: 'no', details: [] } } }
          }
          if (itemId === 'last') throw new VaultError('STORE_UNAVAILABLE')
        }
      },
    })
    const items = ['bad', 'open', 'last'].map((itemId) => ({ itemId, record: request }))
    const outcomes: unknown[] = []
    const error = await failure(
      (async () => {
        for await (const outcome of client.storeRecords(items)) outcomes.push(outcome.error)
      })(),
    )
    expect(triedWrite(outcomes[0])?.recordKey).to.equal(sent.get('bad'))
    const left = triedWrites(error)
    expect([...left!.keys()]).to.deep.equal(['open', 'last'])
    expect(left!.get('open')?.recordKey).to.equal(sent.get('open'))
  })
})
