import { chmod, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import winston from 'winston'
import { type BackendConfig, backendSchema } from '../../src/backend/config.js'
import { openStores, storePlace } from '../../src/backend/open-stores.js'
import { loadConfig } from '../../src/core/config/config.js'
import { startS3, type TestS3 } from '../servers/s3.js'
import { call, rejection, sampleSet, type TempFolder, tempFolder } from './samples.js'

const log = winston.createLogger({ silent: true })

describe('openStores', () => {
  let folder: TempFolder
  let s3: TestS3

  before(async () => {
    s3 = await startS3()
  })
  after(() => s3.stop())
  beforeEach(async () => {
    folder = await tempFolder()
  })
  afterEach(() => folder.remove())

  function config(overrides: Record<string, string> = {}): BackendConfig {
    const all = { 'backend.dataDir': join(folder.path, 'store'), ...overrides }
    return loadConfig<{ backend: BackendConfig }>(backendSchema, {
      file: { path: 'none', required: false },
      env: {},
      overrides: Object.entries(all).map(([name, value]) => `${name}=${value}`),
    }).backend
  }

  async function onS3(changes: Record<string, string> = {}): Promise<BackendConfig> {
    const credentialsFile = join(folder.path, 'credentials.json')
    await writeFile(credentialsFile, s3.credentials, { mode: 0o600 })
    return config({
      'backend.parts.store': 's3',
      'backend.parts.s3.endpoint': s3.endpoint,
      'backend.parts.s3.bucket': s3.bucket,
      'backend.parts.s3.credentialsFile': credentialsFile,
      'backend.parts.s3.forcePathStyle': 'true',
      ...changes,
    })
  }

  it('keeps the parts of the embedded store in its folder', async () => {
    const { store, parts } = await openStores(config(), log)
    await parts.put({ ...sampleSet(), partNumber: 0, data: Buffer.of(1) }, call)
    expect(await readdir(join(folder.path, 'store'))).to.include('parts')
    expect(await readdir(join(folder.path, 'store', 'parts'))).to.have.length(2)
    expect(storePlace(config())).to.equal(join(folder.path, 'store'))
    await parts.close()
    await store.close()
  })

  it('keeps the parts in S3 when configured so', async () => {
    const chosen = await onS3()
    const { store, parts } = await openStores(chosen, log)
    const set = sampleSet()
    await parts.put({ ...set, partNumber: 0, data: Buffer.of(1) }, call)
    expect(await parts.state(set, call)).to.include({ count: 1 })
    expect(await readdir(join(folder.path, 'store', 'parts'))).to.deep.equal(['.unfinished'])
    expect(storePlace(chosen)).to.equal(`${join(folder.path, 'store')}, parts in S3, bucket vault-parts`)
    await parts.close()
    await store.close()
  })

  it('leaves nothing open when the parts cannot be opened', async () => {
    const broken = await onS3({ 'backend.parts.s3.bucket': 'not-there' })
    for (let time = 0; time < 2; time += 1) {
      const { message } = await rejection(openStores(broken, log))
      expect(message).to.equal('there is no such bucket: make it, or correct backend.parts.s3')
    }
    const { store, parts } = await openStores(config(), log)
    await parts.close()
    await store.close()
  })

  it('refuses credentials that others may read', async () => {
    const open = await onS3()
    await chmod(open.parts.s3.credentialsFile, 0o644)
    const { reason, message } = await rejection(openStores(open, log))
    expect(reason).to.equal('INVALID_REQUEST')
    expect(message).to.match(
      /^backend\.parts\.s3\.credentialsFile: .* has mode 644, so others may read it: chmod 600 it$/,
    )
  })

  it('refuses a configuration without credentials', async () => {
    const { message } = await rejection(openStores(await onS3({ 'backend.parts.s3.credentialsFile': '' }), log))
    expect(message).to.equal('backend.parts.s3.credentialsFile: must name the file that holds the access key of S3')
  })
})
