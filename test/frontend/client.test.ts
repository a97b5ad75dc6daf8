import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { VaultError } from '../../src/core/errors.js'
import type { CallContext } from '../../src/core/methods.js'
import { type FrontendClient, frontendClient, KeyMode } from '../../src/frontend/client.js'
import { keepingBackend } from './keeping-backend.js'
import { answer, reasonOf, refusal } from './refusal.js'
import { openWire, type Wire } from './wire.js'
import { type FrontEnd, instead, openWorld, type World } from './world.js'

const data = Buffer.from('contents')

describe('the typed client', () => {
  let world: World
  let wire: Wire
  let client: FrontendClient
  const opened: { close(): unknown }[] = []

  const connectTo = async (frontEnd: Pick<FrontEnd, 'service'>) => {
    const served = await openWire(frontEnd)
    const connected = frontendClient({ address: served.address })
    opened.push(connected, served)
    return connected
  }
  before(async () => {
    world = await openWorld()
    wire = await openWire(world.frontEnd())
    client = frontendClient({ address: wire.address })
    opened.push(client, wire)
  })
  after(async () => {
    for (const open of opened) await open.close()
    await world.close()
  })

  it('stores, retrieves, lists and deletes', async () => {
    const userId = 'JTH'
    const request = { userId, recordName: 'r', data, callerAad: Buffer.from('aad'), keyMode: KeyMode.KEY_MODE_SPLIT }
    const { recordKey, keyId, version } = await client.storeRecord(request)
    const { recordName, callerAad } = request
    const read = await client.retrieveRecord({ userId, recordName, callerAad, recordKey, expectKeyId: keyId })
    expect(read.data).to.deep.equal(data)
    expect(read.record).to.deep.include({ recordName: 'r', keyId, version, keyMode: 3, sizeBytes: 8n })
    const { records } = await client.listRecords({ userId })
    expect(records.map(({ recordName }) => recordName)).to.deep.equal(['r'])
    expect(await client.deleteRecord({ userId, recordName: 'r', expectKeyId: keyId })).to.deep.equal({ deleted: true })
    expect(await reasonOf(client.retrieveRecord({ userId, recordName: 'r', recordKey }))).to.equal('RECORD_NOT_FOUND')
  })

  it('says what its caller said of a record, lists versions and restores one', async () => {
    const keeping = await connectTo(world.frontEnd({ backend: keepingBackend(world.backend).backend }))
    const request = { userId: 'versions', recordName: 'r' }
    const expireTime = new Date(Date.now() + 3_600_000)
    const attributes = { contentType: 'image/png', labels: { team: 'a' } }
    const first = await keeping.storeRecord({ ...request, data, expireTime, attributes, keepVersions: 2 })
    await keeping.storeRecord({ ...request, data: Buffer.from('other'), attributes: { labels: { team: 'b' } } })
    const { versions } = await keeping.listRecordVersions(request)
    expect(versions.map((info) => [info.version, info.attributes?.labels['team']])).to.deep.equal([
      [2n, 'b'],
      [1n, 'a'],
    ])
    const { recordKey, version } = await keeping.restoreRecord({ ...request, recordKey: first.recordKey, version: 1n })
    expect(version).to.equal(3n)
    const read = await keeping.retrieveRecord({ ...request, recordKey })
    expect(read.data).to.deep.equal(data)
    expect(read.record).to.deep.include({ expireTime, attributes })
  })

  it('tells which vault it serves, by the id of the keyring', async () => {
    const { keyring_id: keyringId } = JSON.parse(world.keyringText)
    expect((await client.getVaultInfo()).keyringId.toString('hex')).to.equal(keyringId)
  })

  it('does not restore a second time when it cannot know of the first', async () => {
    const asked: string[] = []
    const lost = (name: string) => () => {
      asked.push(name)
      return Promise.reject(new VaultError('UNREACHABLE'))
    }
    const service = { ...world.frontEnd().service, restoreRecord: lost('restore'), listRecordVersions: lost('list') }
    const losing = await connectTo({ service })
    expect(await reasonOf(losing.restoreRecord({ userId: 'u', version: 1n }))).to.equal('OUTCOME_UNKNOWN')
    expect(asked).to.deep.equal(['restore'])
    expect(await reasonOf(losing.listRecordVersions({ userId: 'u' }))).to.equal('UNREACHABLE')
    expect(asked.filter((name) => name === 'list').length).to.be.above(1)
  })

  it('walks all records, page after page', async () => {
    const userId = 'walker'
    const names = Array.from({ length: 25 }, (_, at) => `r-${at}`)
    await Promise.all(names.map((recordName) => client.storeRecord({ userId, recordName, data })))
    const walked: string[] = []
    for await (const { recordName } of client.eachRecord({ userId, pageSize: 4 })) walked.push(recordName)
    expect(walked.toSorted()).to.deep.equal(names.toSorted())
    for await (const _ of client.eachRecord({ userId: 'nobody' })) expect.fail('nobody has records')
  })

  it('ends a walk with RECORD_CORRUPT when records could not be shown', async () => {
    const liar = await connectTo({
      service: {
        ...world.frontEnd().service,
        listRecords: async () => ({ records: [], nextPageToken: '', unreadableCount: 7 }),
      },
    })
    const walk = async () => {
      for await (const _ of liar.eachRecord({ userId: 'u' })) expect.fail('there are none')
    }
    expect(await reasonOf(walk())).to.equal('RECORD_CORRUPT')
  })

  it('refuses text that is not well formed before it sends anything', async () => {
    let asked = 0
    const named = ['storeRecord', 'retrieveRecord', 'deleteRecord', 'listRecordVersions', 'restoreRecord'] as const
    const methods = [...named, 'listRecords', 'importLegacyRecord', 'getLegacyId'] as const
    const count = async () => {
      asked += 1
      throw new VaultError('INTERNAL')
    }
    const streams = { storeRecords: count, retrieveRecords: count }
    const unary = Object.fromEntries(methods.map((name) => [name, count]))
    const others = { uploadRecord: count, downloadRecord: count, getVaultInfo: count }
    const service = { ...unary, ...streams, ...others } as unknown as FrontEnd['service']
    const counted = await connectTo({ service })
    const lone = 'a\ud800'
    const description = 'is not well-formed text: it has a lone surrogate'
    const refused: [string, () => Promise<unknown>][] = [
      ...methods.map((name): [string, () => Promise<unknown>] => [
        'userId',
        () => counted[name]({ userId: lone } as never),
      ]),
      ...named.map((name): [string, () => Promise<unknown>] => [
        'recordName',
        () => counted[name]({ userId: 'u', recordName: lone } as never),
      ]),
      ['recordKey', () => counted.retrieveRecord({ userId: 'u', recordKey: lone })],
      ['recordKey', () => counted.restoreRecord({ userId: 'u', recordKey: lone })],
      ['attributes.contentType', () => counted.storeRecord({ userId: 'u', data, attributes: { contentType: lone } })],
      ['attributes.labels', () => counted.storeRecord({ userId: 'u', data, attributes: { labels: { [lone]: 'v' } } })],
      ['attributes.labels', () => counted.storeRecord({ userId: 'u', data, attributes: { labels: { k: lone } } })],
      ['pageToken', () => counted.listRecords({ userId: 'u', pageToken: lone })],
      ['userId', () => counted.eachRecord({ userId: lone }).next()],
    ]
    for (const [field, ask] of refused) {
      expect(await answer(ask())).to.deep.equal({
        code: 3,
        reason: 'INVALID_REQUEST',
        message: `${field}: ${description}`,
        fields: [{ field, description }],
        retryAfterMs: undefined,
      })
    }
    const unsendable = counted.storeRecord({ userId: 'u', data, attributes: { labels: { ['__proto__']: 'v' } } })
    expect((await refusal(unsendable)).message).to.equal('attributes.labels: must not be named __proto__')
    expect(asked).to.equal(0)
    await refusal(counted.deleteRecord({ userId: 'u' }))
    expect(asked).to.equal(1)
  })

  it('carries 3 MiB both ways, and gets the error of the front end for one byte more', async () => {
    const userId = 'big'
    const most = randomBytes(3_145_728)
    const { recordKey } = await client.storeRecord({ userId, data: most })
    expect((await client.retrieveRecord({ userId, recordKey })).data.equals(most)).to.equal(true)
    expect(await answer(client.storeRecord({ userId, data: Buffer.alloc(3_145_729) }))).to.deep.equal({
      code: 3,
      reason: 'INVALID_REQUEST',
      message: 'data: must be at most 3145728 bytes, not 3145729; larger ones go through UploadRecord',
      fields: [
        {
          field: 'data',
          description: 'must be at most 3145728 bytes, not 3145729; larger ones go through UploadRecord',
        },
      ],
      retryAfterMs: undefined,
    })
    // Beyond what gRPC takes there is no answer of ours, but still one that says what can never work.
    expect(await reasonOf(client.storeRecord({ userId, data: Buffer.alloc(5_000_000) }))).to.equal('INVALID_REQUEST')
  })

  it('gets the reason, the fields and the request id of a refusal', async () => {
    const error = await refusal(client.storeRecord({ userId: '', data }, { requestId: 'my-request' }))
    expect(error).to.deep.include({ reason: 'INVALID_REQUEST', kind: 'invalid', requestId: 'my-request' })
    expect(error.fields).to.deep.equal([{ field: 'user_id', description: 'must be 1 to 1024 bytes of UTF-8, not 0' }])
  })

  it('gives up at its deadline and when its signal aborts', async () => {
    const retrieveEnvelope = (_: unknown, { signal }: CallContext) =>
      new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    const slow = await connectTo(world.frontEnd({ backend: instead(world.backend, { retrieveEnvelope }) }))
    const late = slow.retrieveRecord({ userId: 'u' }, { timeoutMs: 150 })
    expect(await reasonOf(late)).to.equal('DEADLINE_EXCEEDED')
    const stopping = new AbortController()
    setTimeout(() => stopping.abort(), 50)
    expect(await reasonOf(slow.retrieveRecord({ userId: 'u' }, { signal: stopping.signal }))).to.equal('CANCELLED')
  })

  it('gets BACKEND_UNAVAILABLE without an address when the back end cannot be reached', async () => {
    const unreachable = () => Promise.reject(new VaultError('UNREACHABLE', { message: 'connect 10.1.2.3:8888' }))
    const backend = instead(world.backend, { storeEnvelope: unreachable, retrieveEnvelope: unreachable })
    const cut = await connectTo(world.frontEnd({ backend }))
    const unavailable = {
      code: 14,
      reason: 'BACKEND_UNAVAILABLE',
      message: 'the back end cannot be reached; try again later',
      fields: [],
      retryAfterMs: undefined,
    }
    expect(await answer(cut.storeRecord({ userId: 'u', data }))).to.deep.equal(unavailable)
    expect(await answer(cut.retrieveRecord({ userId: 'u' }))).to.deep.equal(unavailable)
  })

  it('gets STORE_FULL when the store is full, and can still read', async () => {
    const full = () => Promise.reject(new VaultError('STORE_FULL', { retryAfterMs: 5_000, message: '/data is full' }))
    const { recordKey } = await client.storeRecord({ userId: 'reader', data })
    const reading = await connectTo(world.frontEnd({ backend: instead(world.backend, { storeEnvelope: full }) }))
    expect(await answer(reading.storeRecord({ userId: 'u', data }))).to.deep.equal({
      code: 8,
      reason: 'STORE_FULL',
      message: 'the store has no space left; try again later',
      fields: [],
      retryAfterMs: 5_000,
    })
    expect((await reading.retrieveRecord({ userId: 'reader', recordKey })).data).to.deep.equal(data)
  })

  it('shows only the request id of a bug', async () => {
    const broken = await connectTo(
      world.frontEnd({
        backend: instead(world.backend, {
          retrieveEnvelope: async () => {
            throw new TypeError('secrets of the house')
          },
        }),
      }),
    )
    const error = await refusal(broken.retrieveRecord({ userId: 'u' }, { requestId: 'broken-1' }))
    expect(error).to.deep.include({ reason: 'INTERNAL', message: 'internal error', requestId: 'broken-1', fields: [] })
    expect(JSON.stringify(error.cause)).not.to.include('secrets')
  })
})
