// What beclient shows of a record with versions, an expiry or parts, and how it deletes one.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { beclient } from '../../../src/cli/beclient/beclient.js'
import { feclient } from '../../../src/cli/feclient/feclient.js'
import { fakeTerminal } from '../fake-terminal.js'
import { onlyRecordId } from '../only-record-id.js'
import { startVault, type Vault } from '../vault.js'

const expires = '2999-01-01T00:00:00Z'

describe('beclient views', () => {
  let work: string
  let vault: Vault

  async function stopVault(): Promise<void> {
    await vault.stopFrontend()
    await vault.stopBackend()
  }

  async function run(program: typeof beclient, words: string[], data = '') {
    const terminal = fakeTerminal(words, { stdin: Buffer.from(data), env: vault.env })
    return { exit: await program(terminal), ...terminal.printed() }
  }

  const be = (...words: string[]) => run(beclient, ['beclient', ...words])

  async function fe(words: string[], data = ''): Promise<void> {
    const { exit, stderr } = await run(feclient, ['feclient', ...words, '--user', 'a', '--mode', 'server'], data)
    expect(exit, stderr).to.equal(0)
  }

  /** One process at a time can open the store. */
  async function recordIdOfAll(): Promise<string> {
    await stopVault()
    const recordId = await onlyRecordId(vault.backendDir)
    vault = await startVault(join(work, 'vault'))
    return recordId
  }

  beforeEach(async () => {
    work = await mkdtemp(join(tmpdir(), 'enc-server-views-'))
    vault = await startVault(join(work, 'vault'))
  })

  afterEach(async () => {
    await stopVault()
    await rm(work, { recursive: true })
  })

  it('lists the versions that are kept, the newest first, and shows each', async () => {
    await fe(['store', '--keep-versions', '2'], 'first')
    await fe(['store', '--keep-versions', '2', '--expires', expires], 'the second')
    const recordId = await recordIdOfAll()
    const { exit, stdout } = await be('versions', '--record-id', recordId)
    expect(exit).to.equal(0)
    const [second, first, ...more] = stdout.split('\n')
    expect(second).to.match(/^[0-9a-f]{144} {2}version 2 {2}10 bytes .* expires 2999-01-01T00:00:00.000Z {2}key id /)
    expect(first).to.match(/^[0-9a-f]{144} {2}version 1 {2}5 bytes {2}\S+ {2}key id [0-9a-f]{32}$/)
    expect(more).to.deep.equal([''])
    expect((await be('list', '--user-pseudonym', recordId.slice(0, 72))).stdout).to.equal(`${second}\n`)
    const json = (await be('versions', '--record-id', recordId, '--json')).stdout.split('\n').slice(0, -1)
    expect(json.map((line) => JSON.parse(line).version)).to.deep.equal(['2', '1'])
    const newest = await be('get', '--record-id', recordId)
    expect(newest.stdout).to.include('expires       2999-01-01T00:00:00.000Z\n')
    const older = await be('get', '--record-id', recordId, '--version', '1')
    expect(older.stdout).to.include('stored        version 1').and.to.include('expires       never\n')
  })

  it('says when there is no record, and no such version', async () => {
    await fe(['store'], 'only')
    const recordId = await recordIdOfAll()
    for (const words of [
      ['versions', '--record-id', '00'.repeat(72)],
      ['get', '--record-id', recordId, '--version', '2'],
    ]) {
      const { exit, stdout, stderr } = await be(...words)
      expect({ exit, stdout }).to.deep.equal({ exit: 1, stdout: '' })
      expect(stderr).to.match(/^error: RECORD_NOT_FOUND: no such record\n/)
    }
  })

  it('shows that contents are in parts', async () => {
    await writeFile(join(work, 'film'), Buffer.alloc(1_500_000, 'film'))
    await fe(['upload', '--in', join(work, 'film')])
    const recordId = await recordIdOfAll()
    const shown = (await be('get', '--record-id', recordId)).stdout
    expect(shown).to.include('envelope      88 bytes for 1500000 bytes of data, in 2 parts\n')
    expect(shown).to.include('the ciphertext is in the parts\n')
    const listed = (await be('list', '--user-pseudonym', recordId.slice(0, 72))).stdout
    expect(listed).to.include('  1500000 bytes  2 parts  ')
  })

  it('deletes a record once, and only the version expected', async () => {
    await fe(['store'], 'only')
    const recordId = await recordIdOfAll()
    const { envelope } = JSON.parse((await be('get', '--record-id', recordId, '--json')).stdout)
    const named = ['delete', '--record-id', recordId]
    const refused = await be(...named, '--expect-key-id', '00'.repeat(16))
    expect(refused.exit).to.equal(1)
    expect(refused.stderr).to.match(/^error: PRECONDITION_FAILED: the record has another version than expected\n/)
    const json = await be(...named, '--expect-key-id', envelope.slice(16, 48), '--json')
    expect(json).to.deep.equal({ exit: 0, stdout: `{"deleted":true,"recordId":"${recordId}"}\n`, stderr: '' })
    expect((await be(...named, '--allow-missing', '--json')).stdout).to.equal(
      `{"deleted":false,"recordId":"${recordId}"}\n`,
    )
    await fe(['store'], 'again')
    expect(await be(...named)).to.deep.equal({ exit: 0, stdout: `deleted record ${recordId}\n`, stderr: '' })
  })

  it('shows help with examples', async () => {
    for (const subcommand of ['get', 'list', 'versions', 'delete', 'info', 'trial']) {
      const { exit, stdout } = await be(subcommand, '--help')
      expect(exit).to.equal(0)
      expect(stdout).to.include('Examples:\n  beclient').and.to.include('--tls-ca <file>')
    }
  })
})
