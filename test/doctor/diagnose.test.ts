// Findings of `enc-server doctor` about incomplete vaults. An e2e test checks a complete one.
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer as http2Server } from 'node:http2'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { openLevelStore } from '../../src/backend/engines/level/store.js'
import { feclient } from '../../src/cli/feclient/feclient.js'
import { diagnose } from '../../src/doctor/diagnose.js'
import type { Finding } from '../../src/doctor/finding.js'
import { checkKeyring } from '../../src/doctor/keyring.js'
import type { FrontendConfig } from '../../src/frontend/config.js'
import { randomSource } from '../../src/frontend/crypto/random.js'
import { createKeyring } from '../../src/frontend/keys/keyring-file.js'
import { fakeTerminal } from '../cli/fake-terminal.js'
import { startVault, type Vault } from '../cli/vault.js'

const nobody = '127.0.0.1:1'
const noBackEnd = `no server answers at ${nobody} (connect ECONNREFUSED ${nobody}): start beserver, or correct frontend.backend.address`

describe('doctor', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'enc-server-doctor-'))
  })

  afterEach(() => rm(folder, { recursive: true }))

  const keyringFile = () => join(folder, 'frontend', 'keyring.json')

  async function findings(settings: Record<string, string> = {}): Promise<Record<string, Finding>> {
    const set = {
      'frontend.keyringFile': keyringFile(),
      'frontend.port': '1',
      'frontend.backend.address': nobody,
      'backend.dataDir': join(folder, 'backend'),
      ...settings,
    }
    const overrides = Object.entries(set).map(([name, value]) => `${name}=${value}`)
    const found: Record<string, Finding> = {}
    const file = { path: join(folder, 'config.json'), required: false }
    for await (const finding of diagnose({ file, env: {}, overrides })) found[finding.what] = finding
    return found
  }

  it('reports what is missing, and creates nothing', async () => {
    const { configuration, store, keyring } = await findings()
    const none = join(folder, 'config.json')
    expect(configuration).to.include({
      state: 'warning',
      found: `${none} does not exist: only flags and the environment change defaults`,
    })
    const dataDir = join(folder, 'backend')
    expect(store).to.include({
      state: 'warning',
      found: `level: ${dataDir} does not exist yet; the first start creates it`,
    })
    const first = `there is no keyring in ${keyringFile()} yet: the first start creates it`
    expect(keyring).to.include({ state: 'warning', found: first })
    expect(await readdir(folder)).to.deep.equal([])
  })

  it('names the address where no server answers, or a server of another kind', async () => {
    const found = await findings({ 'frontend.port': '2' })
    expect(found['back end']).to.include({ state: 'error', found: noBackEnd })
    const noFrontEnd =
      'no server answers at 127.0.0.1:2 (connect ECONNREFUSED 127.0.0.1:2): start feserver, or correct frontend.host and frontend.port'
    expect(found['front end']).to.include({ state: 'error', found: noFrontEnd })
    expect((await findings({ 'frontend.port': '0' }))['front end']).to.include({ state: 'warning' })
    const other = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`
    const { 'back end': back } = await findings({ 'frontend.backend.address': address })
    other.close()
    expect(back?.found).to.match(
      new RegExp(`^the connection to ${address} failed \\(Protocol error.+\\); if it is a back end, `),
    )
    expect(back?.found).to.match(/ if not, correct frontend.backend.address$/)
  })

  it('reports a server that does not answer', async () => {
    const silent = http2Server().on('stream', () => undefined)
    await once(silent.listen(0, '127.0.0.1'), 'listening')
    const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`
    const { 'back end': back } = await findings({ 'frontend.backend.address': address })
    silent.close()
    expect(back?.found).to.equal(
      `${address} accepts calls but has not answered for 2 s: if it is a back end, read its log; ` +
        'if not, correct frontend.backend.address',
    )
  })

  it('names the file of a keyring that is damaged, empty or not a file, and tells what to do', async () => {
    const path = keyringFile()
    await mkdir(join(folder, 'frontend'))
    const keyring = async () => (await findings())['keyring'] as Finding
    for (const [text, words] of [
      ['{"format": ', `${path}: the keyring is damaged: it is not JSON; restore it from its backup`],
      ['', `${path} is empty: restore it from its backup`],
    ] as const) {
      await writeFile(path, text, { mode: 0o600 })
      expect(await keyring()).to.include({ state: 'error', found: words })
    }
    await rm(path)
    await mkdir(path, { mode: 0o700 })
    const found = `the keyring ${path} is not a file: correct frontend.keyringFile`
    expect(await keyring()).to.include({ state: 'error', found })
  })

  it('reports a store folder that cannot be created', async () => {
    await writeFile(join(folder, 'file'), '')
    const below = join(folder, 'file', 'store')
    const found = `the folder ${below} cannot be created (ENOTDIR): correct backend.dataDir`
    expect((await findings({ 'backend.dataDir': below }))['store']).to.include({ state: 'error', found })
  })

  it('rejects a file in place of the store', async () => {
    await writeFile(join(folder, 'backend'), '')
    const found = `${join(folder, 'backend')} is not a folder: set backend.dataDir to one`
    expect((await findings())['store']).to.include({ state: 'error', found })
  })

  it('opens what it judges: names the file of a store that is damaged, and changes nothing', async () => {
    const store = join(folder, 'backend')
    const opened = await openLevelStore({ folder: store, folders: ['parts'] })
    await opened.close()
    expect((await findings())['store']).to.include({ state: 'ok' })
    await truncate(join(store, 'records', 'CURRENT'))
    const before = await readdir(store, { recursive: true })
    const found = `${join(store, 'records')}: CURRENT is damaged; nothing was changed: restore this folder from a backup`
    expect((await findings())['store']).to.include({ state: 'error', found })
    expect(await readdir(store, { recursive: true })).to.deep.equal(before)
    await rm(join(store, 'users'), { recursive: true })
    await writeFile(join(store, 'records', 'CURRENT'), 'MANIFEST-000002\n')
    const { found: missing } = (await findings())['store'] as Finding
    expect(missing).to.match(/users: the folder is missing or empty; nothing was changed/)
  })

  it('reports that MongoDB does not answer, without the password', async () => {
    const uriFile = join(folder, 'uri')
    await writeFile(uriFile, 'mongodb://user:hunter2@127.0.0.1:1/?serverSelectionTimeoutMS=100', { mode: 0o600 })
    const mongo = { 'backend.store': 'mongodb', 'backend.mongodb.uriFile': uriFile }
    const { store } = await findings(mongo)
    expect(store).to.include({ state: 'error' })
    expect(store?.found).to.match(
      /^MongoDB does not answer: .*; is it running, and is backend.mongodb.uriFile right\?$/,
    )
    expect(store?.found).to.not.include('hunter2')
    const absent = await findings({ ...mongo, 'backend.mongodb.uriFile': `${uriFile}-absent` })
    expect(absent['store']?.found).to.equal(`backend.mongodb.uriFile: cannot read ${uriFile}-absent (ENOENT)`)
  })

  describe('of a vault with records', () => {
    let vault: Vault
    let backend: Record<string, string>

    beforeEach(async () => {
      vault = await startVault(folder)
      const terminal = fakeTerminal(['feclient', 'store', '--user', 'alice'], {
        stdin: Buffer.from('x'),
        env: vault.env,
      })
      expect(await feclient(terminal)).to.equal(0)
      backend = { 'frontend.backend.address': vault.env['ENC_SERVER_BACKEND_TARGET'] as string }
      await vault.stopFrontend()
    })

    afterEach(() => vault.stopBackend())

    const lost = () => rename(keyringFile(), join(folder, 'lost.json'))

    it('recognises a back end in place of a front end, and the other way round', async () => {
      const [, port = ''] = (backend['frontend.backend.address'] as string).split(':')
      expect((await findings({ ...backend, 'frontend.port': port }))['front end']?.found).to.equal(
        `the server at 127.0.0.1:${port} is not a front end: correct frontend.host and frontend.port`,
      )
      const other = await startVault(join(folder, 'other'))
      const address = other.env['ENC_SERVER_FRONTEND_TARGET'] as string
      const { 'back end': back } = await findings({ 'frontend.backend.address': address })
      await other.stopFrontend()
      await other.stopBackend()
      const found = `the server at ${address} is not a back end: correct frontend.backend.address`
      expect(back).to.include({ state: 'error', found })
    })

    it('tells the front end of another vault from its own', async () => {
      const other = await startVault(join(folder, 'other'))
      const address = other.env['ENC_SERVER_FRONTEND_TARGET'] as string
      const port = address.split(':')[1] as string
      const ofOther = { 'frontend.keyringFile': join(folder, 'other', 'frontend', 'keyring.json') }
      try {
        const id = /[0-9a-f]{32}/.exec((await findings(backend))['keyring']?.found ?? '')?.[0]
        const { state, found } = (await findings({ ...backend, 'frontend.port': port }))['front end'] as Finding
        expect(state).to.equal('error')
        expect(found).to.match(
          new RegExp(
            `^the front end at ${address} is of another vault: its keyring is [0-9a-f]{32}, the keyring here is ${id}; correct `,
          ),
        )
        const own = await findings({ ...ofOther, 'frontend.port': port })
        expect(own['front end']).to.include({ state: 'ok', found: `${address} answers` })
        await lost() // then the store still has the id
        expect((await findings({ ...backend, 'frontend.port': port }))['front end']?.state).to.equal('error')
      } finally {
        await other.stopFrontend()
        await other.stopBackend()
      }
    })

    it('accepts the keyring of the store', async () => {
      const found = await findings(backend)
      for (const what of ['store', 'keyring', 'back end']) expect(found[what]?.state, what).to.equal('ok')
    })

    it('reports the loss of the keyring', async () => {
      await lost()
      const { state, found } = (await findings(backend))['keyring'] as Finding
      expect(state).to.equal('error')
      expect(found).to.match(/^there is no keyring in .+, but the store is bound to keyring [0-9a-f]{32}: restore it/)
    })

    it('warns of a possible loss when no back end answers', async () => {
      await lost()
      const found = `there is no keyring in ${keyringFile()}, and the store may have records: if so, restore it from its backup`
      expect((await findings())['keyring']).to.include({ state: 'warning', found })
    })

    it('does not take a store on a nearly full disk for a missing one', async () => {
      await lost()
      const config = { keyringFile: keyringFile(), realm: 'default' } as FrontendConfig
      const store: Finding = { what: 'store', state: 'warning', found: 'level: store; 81.9 MB are free' }
      const front: Finding = { what: 'front end', state: 'error', found: '' }
      const { found } = await checkKeyring(config, {
        storeInfo: undefined,
        storeFinding: store,
        frontendFinding: front,
      })
      expect(found).to.include('the store may have records')
    })

    it('reports another keyring', async () => {
      await lost()
      await mkdir(join(folder, 'frontend'), { recursive: true })
      await createKeyring(keyringFile(), 'default', randomSource())
      const { state, found } = (await findings(backend))['keyring'] as Finding
      expect(state).to.equal('error')
      expect(found).to.include('the store is bound to keyring ')
    })
  })
})
