// `enc-server keyring verify` and `enc-server doctor` beside a store with records, for keyrings with an accident and with a
// wrong key.
import { lstat, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { feclient } from '../../src/cli/feclient/feclient.js'
import { diagnose } from '../../src/doctor/diagnose.js'
import type { Finding } from '../../src/doctor/finding.js'
import { type KeyringComparison, verifyKeyring } from '../../src/doctor/verify-keyring.js'
import { textOf } from '../../src/frontend/keys/keyring-checksum.js'
import { type KeyringFile, keyLists, parseKeyringText } from '../../src/frontend/keys/keyring-text.js'
import { fakeTerminal } from '../cli/fake-terminal.js'
import { startVault, type Vault } from '../cli/vault.js'

describe('a keyring is verified', () => {
  let folder: string
  let keyringFile: string
  let text: string
  let vault: Vault

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'enc-server-verify-'))
    keyringFile = join(folder, 'frontend', 'keyring.json')
    vault = await startVault(folder)
    const store = ['feclient', 'store', '--user', 'alice']
    expect(await feclient(fakeTerminal(store, { stdin: Buffer.from('x'), env: vault.env }))).to.equal(0)
    await vault.stopFrontend()
    text = await readFile(keyringFile, 'utf8')
  })

  afterEach(async () => {
    await vault.stopBackend()
    await rm(folder, { recursive: true })
  })

  const sources = () => ({
    file: { path: join(folder, 'config.json'), required: false },
    env: {},
    overrides: [
      `frontend.keyringFile=${keyringFile}`,
      'frontend.port=1',
      `frontend.backend.address=${vault.env['ENC_SERVER_BACKEND_TARGET']}`,
      `backend.dataDir=${vault.backendDir}`,
    ],
  })
  async function verify(store: KeyringComparison['store'], writeChecksums = false): Promise<Record<string, string>> {
    const found: Record<string, string> = {}
    for await (const { what, state, found: words } of verifyKeyring(sources(), { store, writeChecksums })) {
      found[what] = `${state}: ${words}`
    }
    return found
  }
  async function doctorsWord(): Promise<Finding> {
    for await (const finding of diagnose(sources())) if (finding.what === 'keyring') return finding
    return expect.fail('no finding of the keyring')
  }
  /** Compares with the running back end, then with the folder of the stopped one. */
  async function bothWays(): Promise<Record<string, string>[]> {
    const running = await verify('backend')
    await vault.stopBackend()
    return [running, await verify('dataDir')]
  }
  const withKey = (list: (typeof keyLists)[number], changes: object): KeyringFile => {
    const file = parseKeyringText(text)
    return { ...file, [list]: [{ ...file[list][0]!, ...changes }] }
  }
  const otherKey = { key: Buffer.alloc(32, 5).toString('base64') }

  it('and is that of its store', async () => {
    const same = 'ok: this store was written with it'
    for (const found of await bothWays()) {
      expect(found).to.include({ 'pseudonym key 1': same, 'key-encryption key 1': same })
      expect(found['keyring']).to.match(/^ok: /)
      expect(found['store']).to.equal('ok: format 2, 2 keys')
    }
  })

  for (const [list, wrong, right] of [
    ['pseudonym_keys', 'pseudonym key 1', 'key-encryption key 1'],
    ['key_encryption_keys', 'key-encryption key 1', 'pseudonym key 1'],
  ] as const) {
    it(`and its ${wrong} is wrong, and the other key is right`, async () => {
      await writeFile(keyringFile, textOf(withKey(list, otherKey)))
      const problem = `${wrong} of the keyring is not the key that this store was written with: restore the keyring from its backup`
      expect(await doctorsWord()).to.include({ state: 'error', found: problem })
      for (const found of await bothWays()) {
        expect(found).to.include({ [wrong]: `error: ${problem}`, [right]: 'ok: this store was written with it' })
      }
    })

    it(`and its ${wrong} has another number`, async () => {
      await writeFile(keyringFile, textOf(withKey(list, { number: 2 })))
      for (const found of await bothWays()) {
        const missing = `the keyring has no ${wrong}, which this store was written with: restore the keyring from its backup`
        expect(found[wrong]).to.equal(`error: ${missing}`)
        const unbound = 'this store is not bound to it yet: the first write under it binds it'
        expect(found[wrong.replace('1', '2')]).to.equal(`warning: ${unbound}`)
      }
    })
  }

  it('and has a changed character, which is found without a store and named by the doctor', async () => {
    const changed = text.replace(/("key": ".)(.)/, (_, before, character) => before + (character === 'A' ? 'B' : 'A'))
    await writeFile(keyringFile, changed)
    const problem = `${keyringFile}: the keyring does not match its checksum (changed: pseudonym_keys 1): restore it from its backup, or, after an edit on purpose, run \`enc-server keyring verify --write-checksum\``
    expect(await verify(undefined)).to.deep.equal({ keyring: `error: ${problem}` })
    expect(await doctorsWord()).to.include({ state: 'error', found: problem })
  })

  it('and gets no new checksum while a key is not that of the store', async () => {
    const wrong = JSON.stringify(withKey('pseudonym_keys', otherKey))
    await writeFile(keyringFile, wrong)
    const found = await verify('backend', true)
    expect(Object.keys(found)).to.deep.equal(['store', 'checksum'])
    expect(found['checksum']).to.match(/^error: pseudonym key 1 of the keyring is not the key/)
    expect(await readFile(keyringFile, 'utf8')).to.equal(wrong)
  })

  it('and gets its checksum when it has none, through a link as well', async () => {
    const { checksum: _, ...file } = parseKeyringText(text)
    for (const list of keyLists) for (const entry of file[list]) delete entry.checksum
    await writeFile(keyringFile, JSON.stringify(file))
    const without = await doctorsWord()
    expect(without.state).to.equal('warning')
    expect(without.found).to.match(/no checksum.*`enc-server keyring verify --write-checksum` adds it$/)
    const real = keyringFile
    keyringFile = join(folder, 'link.json')
    await symlink(real, keyringFile)
    expect((await verify('backend', true))['checksum']).to.equal(`ok: ${keyringFile} has new checksums`)
    expect((await lstat(keyringFile)).isSymbolicLink()).to.equal(true)
    expect(await readFile(real, 'utf8')).to.equal(text)
    expect((await doctorsWord()).state).to.equal('ok')
  })

  it('and a back end that does not answer is an error that ends the checks', async () => {
    await vault.stopBackend()
    const found = await verify('backend')
    expect(Object.keys(found)).to.deep.equal(['store'])
    expect(found['store']).to.match(/^error: no server answers at .+: start beserver/)
  })
})
