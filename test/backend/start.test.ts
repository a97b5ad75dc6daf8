import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import winston from 'winston'
import { backendClient, newCall } from '../../src/backend/client.js'
import { type BackendConfig, backendSchema } from '../../src/backend/config.js'
import { openLevelStore } from '../../src/backend/level-store.js'
import { startBackend } from '../../src/backend/start.js'
import { loadConfig } from '../../src/core/config.js'
import { call, sampleRecord, sampleUser, storeOf, type TempFolder, tempFolder } from './samples.js'

const none = { caFile: '', certFile: '', keyFile: '' }

describe('startBackend', () => {
  let folder: TempFolder

  beforeEach(async () => {
    folder = await tempFolder()
  })
  afterEach(() => folder.remove())

  it('sweeps what has expired, as often as it is told, and goes on to serve the rest', async () => {
    const dataDir = join(folder.path, 'data')
    const { backend } = loadConfig<{ backend: BackendConfig }>(
      { backend: backendSchema.backend },
      {
        file: { path: join(folder.path, 'none.json'), required: false },
        env: {},
        overrides: ['backend.port=0', `backend.dataDir=${dataDir}`, 'backend.sweepIntervalMs=100'],
      },
    )
    const running = await startBackend(backend, winston.createLogger({ silent: true }))
    const client = backendClient({ address: `127.0.0.1:${running.port}`, insecure: false, tls: none })
    const user = sampleUser()
    const sealed = { storeTime: undefined }
    const going = sampleRecord(user, { ...sealed, expireTime: new Date(Date.now() + 300) })
    const staying = sampleRecord(user, { ...sealed, expireTime: new Date(Date.now() + 3_600_000) })
    for (const record of [going, staying])
      await client.methods.storeEnvelope(storeOf(record, { newUser: user }), newCall())
    await sleep(1000)
    const request = { recordIds: [staying.recordId], version: 0n }
    expect((await client.methods.retrieveEnvelope(request, newCall())).record).not.to.equal(undefined)
    client.close()
    await running.stop()
    const store = await openLevelStore({ folder: dataDir })
    expect(await store.getRecord(going.recordId, call)).to.equal(undefined)
    expect(await store.getRecord(staying.recordId, call)).not.to.equal(undefined)
    await store.close()
  })
})
