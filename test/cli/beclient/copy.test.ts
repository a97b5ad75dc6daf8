// One record copied out of a back end and put back, as an operator would restore it.
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { beclient } from '../../../src/cli/beclient/beclient.js'
import { encodeCopy, type RecordCopy, readCopy } from '../../../src/cli/beclient/copy.js'
import { feclient } from '../../../src/cli/feclient/feclient.js'
import { RetrieveEnvelopeResponse } from '../../../src/gen/encserver/v1/backend.js'
import { fakeTerminal } from '../fake-terminal.js'
import { onlyRecordId } from '../only-record-id.js'
import { startVault, type Vault } from '../vault.js'

const data = 'to be restored'

describe('beclient copy', () => {
  let work: string
  let vault: Vault
  let recordId: string
  let copyFile: string

  async function stopVault(): Promise<void> {
    await vault.stopFrontend()
    await vault.stopBackend()
  }

  async function run(program: typeof beclient, words: string[], stdin = '') {
    const terminal = fakeTerminal(words, { stdin: Buffer.from(stdin), env: vault.env })
    return { exit: await program(terminal), ...terminal.printed() }
  }

  const be = (...words: string[]) => run(beclient, ['beclient', ...words])
  const fe = (...words: string[]) => run(feclient, ['feclient', ...words], data)
  const opened = () => fe('get', '--user', 'alice', '--name', 'note', '--key-file', join(work, 'note.key'))

  async function beJson(...words: string[]) {
    const { exit, stdout, stderr } = await be(...words, '--json')
    expect(stderr).to.equal('')
    expect(exit).to.equal(0)
    return JSON.parse(stdout)
  }

  beforeEach(async () => {
    work = await mkdtemp(join(tmpdir(), 'enc-server-copy-'))
    copyFile = join(work, 'copy.bin')
    vault = await startVault(join(work, 'vault'))
    await fe('store', '--user', 'alice', '--name', 'note', '--key-out', join(work, 'note.key'))
    await stopVault() // one process at a time can open the store
    recordId = await onlyRecordId(vault.backendDir)
    vault = await startVault(join(work, 'vault'))
  })

  afterEach(async () => {
    await stopVault()
    await rm(work, { recursive: true })
  })

  const copy = () => be('get', '--record-id', recordId, '--out', copyFile)

  async function changeCopy(change: (copy: RecordCopy) => void): Promise<void> {
    const { record, user } = RetrieveEnvelopeResponse.decode(await readFile(copyFile))
    change({ record: record!, user: user! })
    await writeFile(copyFile, encodeCopy({ record: record!, user: user! }))
  }

  it('restores a deleted record, which its key then opens', async () => {
    const copied = await copy()
    expect(copied.stderr).to.match(/^wrote .*copy\.bin: \d+ bytes, version 1, key id [0-9a-f]{32}\n$/)
    expect(copied).to.include({ exit: 0, stdout: '' })
    expect((await stat(copyFile)).mode & 0o777).to.equal(0o600)
    expect(await be('delete', '--record-id', recordId)).to.eql({ exit: 0, stdout: 'deleted\n', stderr: '' })
    expect((await opened()).exit).to.equal(1)
    const restored = await be('store', '--in', copyFile, '--if-absent')
    expect(restored.stdout).to.match(/^stored as version 1, key id [0-9a-f]{32}\n$/)
    expect(restored).to.include({ exit: 0, stderr: '' })
    expect(await opened()).to.eql({ exit: 0, stdout: data, stderr: '' })
  })

  it('speaks JSON', async () => {
    const shown = await beJson('get', '--record-id', recordId)
    const { storeTime, ...copied } = await beJson('get', '--record-id', recordId, '--out', copyFile)
    expect((await copy()).stderr).to.equal(`error: INVALID_REQUEST: --out: ${copyFile} exists; --force replaces it\n`)
    expect((await beJson('get', '--record-id', recordId, '--out', copyFile, '--force')).keyId).to.equal(copied.keyId)
    expect(copied).to.eql({ recordId, version: '1', keyId: shown.envelope.slice(16, 48), sizeBytes: `${data.length}` })
    expect(storeTime).to.equal(shown.storeTime)
    expect(await beJson('delete', '--record-id', recordId, '--expect-key-id', copied.keyId)).to.eql({ deleted: true })
    expect(await beJson('delete', '--record-id', recordId, '--allow-missing')).to.eql({ deleted: false })
    const stored = await beJson('store', '--in', copyFile)
    expect(stored).to.include({ version: '1', keyId: copied.keyId, userAdded: false })
    expect(stored).to.have.all.keys('version', 'keyId', 'storeTime', 'userAdded')
  })

  it('replaces what is there, unless told not to', async () => {
    await copy()
    await changeCopy(({ record }) => record.envelope.fill(7, 8, 24)) // a key id that this store has never seen
    const refused = await be('store', '--in', copyFile, '--if-absent')
    expect(refused.exit).to.equal(1)
    expect(refused.stderr).to.match(/^error: ALREADY_EXISTS: there is a record of that name\n/)
    expect((await opened()).exit).to.equal(0)
    expect(await be('store', '--in', copyFile)).to.eql({
      exit: 0,
      stdout: `stored as version 2, key id ${'07'.repeat(16)}\n`,
      stderr: '',
    })
    expect((await opened()).exit).to.equal(1)
  })

  it('leaves a record that is there already as it is', async () => {
    await copy()
    for (const flags of [[], ['--if-absent']]) {
      expect((await be('store', '--in', copyFile, ...flags)).stdout).to.match(/^stored as version 1, /)
    }
  })

  it('says when a newer version stays, and restores the older once that is deleted', async () => {
    const { keyId } = await beJson('get', '--record-id', recordId, '--out', copyFile)
    await fe('store', '--user', 'alice', '--name', 'note', '--key-out', join(work, 'newer.key'))
    for (const [reason, ...flags] of [['PRECONDITION_FAILED'], ['ALREADY_EXISTS', '--if-absent']]) {
      const refused = await be('store', '--in', copyFile, ...flags)
      expect(refused).to.include({ exit: 1, stdout: '' })
      expect(refused.stderr.split('\n')[0]).to.equal(
        `error: ${reason}: nothing was stored: a newer version has replaced this one, and goes only by \`beclient delete\``,
      )
    }
    expect((await beJson('get', '--record-id', recordId, '--out', join(work, 'newer.bin'))).keyId).not.to.equal(keyId)
    expect((await be('delete', '--record-id', recordId)).exit).to.equal(0)
    expect((await be('store', '--in', copyFile)).stdout).to.match(/^stored as version 1, /)
    expect((await opened()).stdout).to.equal(data)
  })

  it('restores a copy of a record that had versions before', async () => {
    await fe('store', '--user', 'alice', '--name', 'note', '--key-out', join(work, 'note.key'), '--force')
    await copy()
    await be('delete', '--record-id', recordId)
    expect((await be('store', '--in', copyFile)).stdout).to.match(/^stored as version 1, /)
    expect((await opened()).stdout).to.equal(data)
  })

  it('deletes no other version than the one expected', async () => {
    const refused = await be('delete', '--record-id', recordId, '--expect-key-id', '00'.repeat(16))
    expect(refused.exit).to.equal(1)
    expect(refused.stderr).to.match(/^error: PRECONDITION_FAILED: the record has another version than expected\n/)
    expect((await opened()).exit).to.equal(0)
  })

  it('brings back a user who is not there, and says so', async () => {
    await copy()
    const { keyringId } = await beJson('info')
    await stopVault()
    await rm(vault.backendDir, { recursive: true })
    vault = await startVault(join(work, 'vault'))
    expect((await be('store', '--in', copyFile)).stderr).to.match(/^error: KEYRING_MISMATCH: /)
    const restored = await be('store', '--in', copyFile, '--keyring-id', keyringId)
    expect(restored.stdout).to.match(/^stored as version 1, /)
    expect(restored.stderr).to.equal('its user was not there either, and is back with the wrapped keys of the copy\n')
    await stopVault()
    vault = await startVault(join(work, 'vault'))
    expect((await opened()).stdout).to.equal(data)
  })

  it('stores nothing for a user of another life', async () => {
    await copy()
    await changeCopy(({ record, user }) => {
      for (const life of [record, user]) life.userUid = Buffer.alloc(16, 1)
    })
    const refused = await be('store', '--in', copyFile)
    expect(refused).to.eql({
      exit: 1,
      stdout: '',
      stderr:
        'error: PRECONDITION_FAILED: nothing was stored: the user of this copy has begun another life since, whose key does not open it\n' +
        'hint: `beclient get --record-id HEX` shows what is there now\n',
    })
    expect((await opened()).stdout).to.equal(data)
  })

  it('takes no part of a copy for one', async () => {
    await copy()
    const whole = await readFile(copyFile)
    const session = { terminal: fakeTerminal([]), signal: new AbortController().signal }
    for (let size = 0; size < whole.length; size += 1) {
      await writeFile(copyFile, whole.subarray(0, size))
      const error = await readCopy(copyFile, session).catch((thrown: unknown) => thrown)
      expect(error, `${size} of ${whole.length} bytes`).to.include({ reason: 'INVALID_REQUEST' })
    }
  })

  it('shows help with examples', async () => {
    for (const subcommand of ['get', 'list', 'versions', 'store', 'delete', 'info', 'trial']) {
      const { exit, stdout } = await be(subcommand, '--help')
      expect(exit).to.equal(0)
      expect(stdout).to.include('Examples:\n  beclient').and.to.include('--tls-ca <file>')
    }
  })
})
