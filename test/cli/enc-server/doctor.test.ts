// What `enc-server doctor` says of vaults that lack something. The e2e tests have one that is whole.
import { once } from 'node:events'
import { constants } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { createServer as http2Server } from 'node:http2'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Finding } from '../../../src/cli/enc-server/doctor.js'
import { feclient } from '../../../src/cli/feclient/feclient.js'
import { diagnose } from '../../../src/doctor/diagnose.js'
import { type Disk, lookAtFolder } from '../../../src/doctor/folder.js'
import { lookAtKeyring } from '../../../src/doctor/keyring.js'
import type { FrontendConfig } from '../../../src/frontend/config.js'
import { randomSource } from '../../../src/frontend/crypto/random.js'
import { createKeyring } from '../../../src/frontend/keys/keyring-file.js'
import { fakeTerminal } from '../fake-terminal.js'
import { startVault, type Vault } from '../vault.js'

const nobody = '127.0.0.1:1'
const noBackEnd = `no server answers at ${nobody}: start beserver, or correct frontend.backend.address`

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
    expect(found['back end']).to.include({ state: 'error', found: noBackEnd })
    const noFrontEnd = 'no server answers at 127.0.0.1:2: start feserver, or correct frontend.host and frontend.port'
    expect(found['front end']).to.include({ state: 'error', found: noFrontEnd })
    expect((await findings({ 'frontend.port': '0' }))['front end']).to.include({ state: 'warning' })
    const other = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`
    const { 'back end': back } = await findings({ 'frontend.backend.address': address })
    other.close()
    expect(back?.found).to.match(
      new RegExp(`^the connection to ${address} failed; gRPC says: Protocol error.+; if it is a back end, `),
    )
    expect(back?.found).to.match(/ if not, correct frontend.backend.address$/)
  })

  it('says that a server answers nothing', async () => {
    const silent = http2Server().on('stream', () => undefined)
    await once(silent.listen(0, '127.0.0.1'), 'listening')
    const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`
    const { 'back end': back } = await findings({ 'frontend.backend.address': address })
    silent.close()
    expect(back?.found).to.equal(
      `${address} takes calls and has answered none for 2 s: if it is a back end, read its log; ` +
        'if not, correct frontend.backend.address',
    )
  })

  it('says of a keyring that is damaged, empty or none which file that is, and what to do', async () => {
    const path = keyringFile()
    await mkdir(join(folder, 'frontend'))
    const said = async () => (await findings())['keyring'] as Finding
    for (const [text, words] of [
      ['{"format": ', `${path}: the keyring is damaged: it is not JSON; restore it from its backup`],
      ['', `${path} is empty: restore it from its backup`],
    ] as const) {
      await writeFile(path, text, { mode: 0o600 })
      expect(await said()).to.include({ state: 'error', found: words })
    }
    await rm(path)
    await mkdir(path, { mode: 0o700 })
    const found = `the keyring ${path} is not a file: correct frontend.keyringFile`
    expect(await said()).to.include({ state: 'error', found })
  })

  describe('of the folder of a store', () => {
    const denied = (code: string) => Object.assign(new Error(code), { code })
    const disk = (free: number, refuse = async (_path: string, _mode: number) => {}): Disk => ({
      access: refuse,
      statfs: async () => ({ bavail: free / 4096, bsize: 4096, blocks: 1e9 }),
    })
    const refusing = (code: string) =>
      disk(1e12, async (_, mode) => {
        if (mode !== constants.F_OK) throw denied(code)
      })
    const said = (faked: Disk) =>
      lookAtFolder('/srv/store', faked).then(
        ({ state, found }) => `${state} ${found}`,
        (error: Error) => `error ${error.message}`,
      )

    it('says how little room there is', async () => {
      const free = (bytes: string) => `${bytes} MB are free on the disk of /srv/store`
      expect(await said(disk(1e12))).to.equal('ok ')
      expect(await said(disk(8192e4))).to.equal(`warning ${free('81.9')}: make room before it is full`)
      const full = `error ${free('0.0')}, which is full: make room, or writes fail with STORE_FULL`
      expect(await said(disk(0))).to.equal(full)
      expect(await said({ ...disk(0), statfs: async () => ({ bavail: 0, bsize: 4096, blocks: 0 }) })).to.equal('ok ')
    })

    it('says that it may not be written, and who may', async () => {
      expect(await said(refusing('EACCES'))).to.equal(
        'error this user may not write in /srv/store (EACCES): run this as the user of the back end; ' +
          'if this is that, it needs a folder of its own there',
      )
      expect(await said(refusing('EROFS'))).to.match(/^error the disk of \/srv\/store is read-only: /)
      await writeFile(join(folder, 'file'), '')
      const below = join(folder, 'file', 'store')
      const found = `there can be no folder ${below} (ENOTDIR): correct backend.dataDir`
      expect((await findings({ 'backend.dataDir': below }))['store']).to.include({ state: 'error', found })
    })

    it('looks where it is to be made, when it is not there', async () => {
      const asked: string[] = []
      const absent = async (path: string, mode: number) => {
        asked.push(path)
        if (path !== '/' && mode === constants.F_OK) throw denied('ENOENT')
      }
      expect(await said(disk(1e12, absent))).to.equal('ok ')
      expect(asked).to.deep.equal(['/srv/store', '/srv', '/', '/'])
    })
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

    it('sees that a back end is a front end, and the other way round', async () => {
      const [, port = ''] = (backend['frontend.backend.address'] as string).split(':')
      expect((await findings({ ...backend, 'frontend.port': port }))['front end']?.found).to.equal(
        `what answers at 127.0.0.1:${port} is not a front end: correct frontend.host and frontend.port`,
      )
      const other = await startVault(join(folder, 'other'))
      const address = other.env['ENC_SERVER_FRONTEND_TARGET'] as string
      const { 'back end': back } = await findings({ 'frontend.backend.address': address })
      await other.stopFrontend()
      await other.stopBackend()
      const found = `what answers at ${address} is not a back end: correct frontend.backend.address`
      expect(back).to.include({ state: 'error', found })
    })

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

    it('does not take a store whose disk is nearly full for none', async () => {
      await lost()
      const config = { keyringFile: keyringFile(), realm: 'default' } as FrontendConfig
      const store: Finding = { what: 'store', state: 'warning', found: 'level: store; 81.9 MB are free' }
      const front: Finding = { what: 'front end', state: 'error', found: '' }
      const { found } = await lookAtKeyring(config, { bound: undefined, store, front })
      expect(found).to.include('there may be records already')
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
