// A back end on MongoDB, started from its configuration.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect } from 'chai'
import winston from 'winston'
import { backendClient, newCall } from '../../src/backend/client.js'
import { type BackendConfig, backendSchema } from '../../src/backend/config.js'
import { type RunningBackend, startBackend } from '../../src/backend/start.js'
import { loadConfig } from '../../src/core/config/config.js'
import { VaultError } from '../../src/core/errors.js'
import { type FaultProxy, faultProxy } from '../servers/fault-proxy.js'
import { describeMongo, testMongo } from '../servers/mongo.js'
import { rejection, type TempFolder, tempFolder } from './samples.js'

const password = 'hunter2'

describeMongo('startBackend with backend.store=mongodb', ['mongod', 'mongo-java-server'], () => {
  let folder: TempFolder
  let proxy: FaultProxy
  let events: Record<string, unknown>[]

  const log = winston.createLogger({
    transports: new winston.transports.Console({
      format: winston.format((event) => {
        events.push(event)
        return false
      })(),
    }),
  })

  before(async function () {
    this.timeout(300_000)
    await testMongo()
  })
  beforeEach(async () => {
    events = []
    folder = await tempFolder()
    proxy = await faultProxy((await testMongo()).port)
  })
  afterEach(async () => {
    await proxy.close()
    await folder.remove()
  })

  async function start(uri: string): Promise<RunningBackend> {
    const uriFile = join(folder.path, 'uri')
    await writeFile(uriFile, uri, { mode: 0o600 })
    const { backend } = loadConfig<{ backend: BackendConfig }>(
      { backend: backendSchema.backend },
      {
        file: { path: join(folder.path, 'none.json'), required: false },
        env: { ENC_SERVER_MONGODB_URI_FILE: uriFile },
        overrides: [
          'backend.store=mongodb',
          'backend.port=0',
          'backend.drainMs=0',
          'backend.mongodb.database=test-start',
        ],
      },
    )
    return startBackend(backend, log)
  }

  async function storeInfo({ port }: RunningBackend): Promise<unknown> {
    const address = `127.0.0.1:${port}`
    const client = backendClient({ address, insecure: false, tls: { caFile: '', certFile: '', keyFile: '' } })
    try {
      return await client.methods.getStoreInfo({}, newCall({ timeoutMs: 5_000 }))
    } finally {
      client.close()
    }
  }

  it('serves when MongoDB is up', async () => {
    const backend = await start(`mongodb://127.0.0.1:${proxy.port}/?directConnection=true`)
    expect(backend.storePlace).to.equal('MongoDB, database test-start')
    expect(await storeInfo(backend)).to.include({ format: 2, empty: true })
    expect(events).to.not.deep.include({ message: 'store' })
    await backend.stop()
  })

  it('starts without MongoDB, reports that, and serves once MongoDB is up', async () => {
    await proxy.refuse()
    const backend = await start(`mongodb://127.0.0.1:${proxy.port}/?directConnection=true`)
    const error = await rejection(storeInfo(backend))
    expect(error.reason).to.equal('STORE_UNAVAILABLE')
    await proxy.resume()
    for (let tries = 0; !events.some(({ health }) => health === 'ready'); tries += 1) {
      if (tries > 100) expect.fail('did not become ready')
      await storeInfo(backend).catch((thrown) => expect(thrown).to.be.instanceOf(VaultError))
    }
    expect(await storeInfo(backend)).to.include({ format: 2 })
    expect(events.filter(({ message }) => message === 'store').map(({ health }) => health)).to.deep.equal([
      'STORE_UNAVAILABLE',
      'ready',
    ])
    await backend.stop()
  })

  it('never shows the password, whatever fails', async () => {
    await proxy.refuse()
    const backend = await start(`mongodb://user:${password}@127.0.0.1:${proxy.port}/?directConnection=true`)
    await rejection(storeInfo(backend))
    await backend.stop()
    const invalid = await rejection(start(`mongodb://user:${password}@127.0.0.1/?nonsense=1`))
    const told = inspect([...events, invalid], { depth: 20, showHidden: true })
    expect(told).to.include('ECONNREFUSED')
    expect(told).not.to.include(password)
  })
})
