import { join } from 'node:path'
import { expect } from 'chai'
import { backendClient, newCall } from '../../src/backend/client.js'
import { type BackendConfig, backendSchema } from '../../src/backend/config.js'
import { openLevelStore } from '../../src/backend/engines/level/store.js'
import { startBackend } from '../../src/backend/start.js'
import { loadConfig } from '../../src/core/config/config.js'
import { keepingLog } from '../core/fake-frontend.js'
import { call, sampleRecord, sampleUser, storeOf, type TempFolder, tempFolder, until } from './samples.js'

const none = { caFile: '', certFile: '', keyFile: '' }

function configOf(dataDir: string, ...overrides: string[]): BackendConfig {
  const file = { path: join(dataDir, 'none.json'), required: false }
  const sources = { file, env: {}, overrides: ['backend.port=0', `backend.dataDir=${dataDir}`, ...overrides] }
  return loadConfig<{ backend: BackendConfig }>({ backend: backendSchema.backend }, sources).backend
}

function clientOf(port: number) {
  return backendClient({ address: `127.0.0.1:${port}`, insecure: false, tls: none })
}

describe('startBackend', () => {
  let folder: TempFolder

  beforeEach(async () => {
    folder = await tempFolder()
  })
  afterEach(() => folder.remove())

  it('sweeps what has expired, as often as it is told, and goes on to serve the rest', async () => {
    const dataDir = join(folder.path, 'data')
    const backend = configOf(dataDir, 'backend.sweepIntervalMs=100')
    const { log, events } = keepingLog()
    const running = await startBackend(backend, log)
    const client = clientOf(running.port)
    const user = sampleUser()
    const sealed = { storeTime: undefined }
    const going = sampleRecord(user, { ...sealed, expireTime: new Date(Date.now() + 2_000) })
    const staying = sampleRecord(user, { ...sealed, expireTime: new Date(Date.now() + 3_600_000) })
    for (const record of [going, staying])
      await client.methods.storeEnvelope(storeOf(record, { newUser: user }), newCall())
    await until(() => events.some(({ message }) => message === 'sweep'))
    const request = { recordIds: [staying.recordId], version: 0n }
    expect((await client.methods.retrieveEnvelope(request, newCall())).record).not.to.equal(undefined)
    client.close()
    await running.stop()
    const swept = events.filter(({ message }) => message === 'sweep').map(({ removedRecords }) => removedRecords)
    expect(swept).to.deep.equal([1])
    const store = await openLevelStore({ folder: dataDir })
    expect(await store.getRecord(going.recordId, call)).to.equal(undefined)
    expect(await store.getRecord(staying.recordId, call)).not.to.equal(undefined)
    await store.close()
  })
  it('does not fill its log with what front ends ask all the time', async () => {
    const { log, events } = keepingLog()
    const running = await startBackend(configOf(join(folder.path, 'data')), log)
    const { methods, close } = clientOf(running.port)
    await methods.getStoreInfo({}, newCall())
    await methods.retrieveEnvelope({ recordIds: [sampleRecord(sampleUser()).recordId], version: 0n }, newCall())
    close()
    await running.stop()
    expect(events.map(({ level, method }) => [level, method])).to.deep.equal([
      ['debug', '/encserver.v1.BackendService/GetStoreInfo'],
      ['info', '/encserver.v1.BackendService/RetrieveEnvelope'],
    ])
  })
  it('says in the line of a stream of batches how many calls there were, and how many of them failed', async () => {
    const { log, events } = keepingLog()
    const running = await startBackend(configOf(join(folder.path, 'data')), log)
    const { methods, close } = clientOf(running.port)
    const wrong = { recordIds: [Buffer.alloc(1)], version: 0n }
    const right = { recordIds: [sampleRecord(sampleUser()).recordId], version: 0n }
    const calls = [right, right, wrong].map((value, index) => {
      return { index, requestId: '', timeoutMs: 5_000, call: { $case: 'retrieve' as const, value } }
    })
    const requests = (async function* () {
      yield { calls }
    })()
    for await (const _ of methods.executeBatch(requests, newCall()));
    close()
    await running.stop()
    const line = events.find(({ method }) => method === '/encserver.v1.BackendService/ExecuteBatch')
    expect(line).to.include({ items: 3, failedItems: 1 })
  })
})
