// What `enc-server doctor` says of vaults that lack something. The e2e tests have one that is whole.
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { diagnose } from '../../cmd/diagnose.js'
import type { Finding } from '../../src/cli/doctor.js'
import { feclient } from '../../src/cli/feclient.js'
import { randomSource } from '../../src/frontend/crypto/random.js'
import { createKeyring } from '../../src/frontend/keyring-file.js'
import { fakeTerminal } from './fake-terminal.js'
import { startVault, type Vault } from './vault.js'

const nobody = '127.0.0.1:1'

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

  it('does not take for there what is not, and makes nothing', async () => {
    const { configuration, store, keyring } = await findings()
    const none = join(folder, 'config.json')
    expect(configuration).to.include({
      state: 'warning',
      found: `there is no ${none}: what nothing else sets is as by default`,
    })
    const dataDir = join(folder, 'backend')
    expect(store).to.include({ state: 'warning', found: `level: ${dataDir}: none there yet, the first start makes it` })
    const first = `there is no keyring in ${keyringFile()} yet: the first start makes it`
    expect(keyring).to.include({ state: 'warning', found: first })
    expect(await readdir(folder)).to.deep.equal([])
  })

  it('names the address at which none answers, and what answers there that is none', async () => {
    const found = await findings({ 'frontend.port': '2' })
    expect(found['back end']).to.include({ state: 'error', found: `no server answers at ${nobody}` })
    expect(found['front end']).to.include({ state: 'error', found: 'no server answers at 127.0.0.1:2' })
    const other = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`
    const { 'back end': back } = await findings({ 'frontend.backend.address': address })
    other.close()
    expect(back?.found).to.match(new RegExp(`^the connection to ${address} failed; gRPC says: Protocol error`))
  })

  it('refuses a file where the store should be', async () => {
    await writeFile(join(folder, 'backend'), '')
    const found = `${join(folder, 'backend')} is not a folder: set backend.dataDir to one`
    expect((await findings())['store']).to.include({ state: 'error', found })
  })

  it('says that there is no MongoDB, and shows nothing of the password', async () => {
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

  describe('of a vault that was written to', () => {
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

    it('is content with the keyring that belongs to it', async () => {
      const found = await findings(backend)
      for (const what of ['store', 'keyring', 'back end']) expect(found[what]?.state, what).to.equal('ok')
    })

    it('sees that the keyring is lost', async () => {
      await lost()
      const { state, found } = (await findings(backend))['keyring'] as Finding
      expect(state).to.equal('error')
      expect(found).to.match(/^there is no keyring in .+, but the store is bound to keyring [0-9a-f]{32}: restore it/)
    })

    it('says what may be, where no back end answers', async () => {
      await lost()
      const found = `there is no keyring in ${keyringFile()}, and there may be records already: if so, restore it from its backup`
      expect((await findings())['keyring']).to.include({ state: 'warning', found })
    })

    it('sees that the keyring is another', async () => {
      await lost()
      await mkdir(join(folder, 'frontend'), { recursive: true })
      await createKeyring(keyringFile(), 'default', randomSource())
      const { state, found } = (await findings(backend))['keyring'] as Finding
      expect(state).to.equal('error')
      expect(found).to.include('the store is bound to keyring ')
    })
  })
})
