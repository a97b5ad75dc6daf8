// What a program does whose standard output cannot be written: it fails, and says what was done and what is lost.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { type FrontendClient, KeyMode } from '../../src/frontend/client.js'
import { type BrokenRun, runBroken } from './outputs.js'
import { type Server, sandbox } from './processes.js'

const user = ['--user', 'alice']

describe('e2e: a standard output that cannot be written', () => {
  const box = sandbox()
  let backend: Server
  let frontend: Server
  let client: FrontendClient
  let keyFile: string
  let recordId: string

  before(async () => {
    backend = await box.backend()
    frontend = await box.frontend({ backend })
    client = box.client(frontend)
    const { recordKey } = await client.storeRecord({ userId: 'alice', recordName: 'note', data: Buffer.from('text') })
    await client.storeRecord({
      userId: 'alice',
      recordName: 'open',
      data: Buffer.from('a'),
      keyMode: KeyMode.KEY_MODE_SERVER,
    })
    keyFile = join(box.folder(), 'note.key')
    writeFileSync(keyFile, recordKey)
    recordId = 'ab'.repeat(72)
  })

  function run(words: string[], how: BrokenRun) {
    const env = { ENC_SERVER_FRONTEND_TARGET: frontend.address, ENC_SERVER_BACKEND_TARGET: backend.address }
    return runBroken(box, words, { env, ...how })
  }

  async function names(): Promise<string[]> {
    const found = []
    for await (const { recordName } of client.eachRecord({ userId: 'alice' })) found.push(recordName)
    return found.sort()
  }

  const storing = {
    store: ['feclient', 'store', ...user, '--name', 'lost'],
    'store --json': ['feclient', 'store', ...user, '--name', 'lost', '--json'],
    upload: ['feclient', 'upload', ...user, '--name', 'lost'],
    import: ['feclient', 'import', '--keys-out', '-'],
  }
  const line = `${JSON.stringify({ user: 'alice', name: 'lost', text: 'one' })}\n`

  for (const [name, words] of Object.entries(storing)) {
    it(`is found before the record is stored: ${name}`, async () => {
      for (const stdout of ['full', 'closed'] as const) {
        const { code, stderr } = await run(words, { stdout, stdin: line })
        expect(code, stdout).to.equal(1)
        expect(stderr).to.match(/^error: nothing was stored: standard output cannot take a record key \(/)
      }
      expect(await names()).to.deep.equal(['note', 'open'])
    })

    it(`loses a record key aloud when its reader has gone: ${name}`, async () => {
      const { code, stderr } = await run(words, { stdout: 'reader gone', stdin: line })
      expect(code).to.equal(1)
      expect(stderr).to.match(
        /^error: stored .*, but standard output cannot be written \(EPIPE: its reader has gone\): /,
      )
      expect(stderr).to.match(/record keys? (is|are) lost/)
      await client.deleteRecord({ userId: 'alice', recordName: 'lost', allowMissing: true })
    })
  }

  it('does not hinder a record without a key, and the failure says that it is stored', async () => {
    const words = ['feclient', 'store', ...user, '--name', 'lost', '--mode', 'server', '--json']
    for (const stdout of ['full', 'reader gone'] as const) {
      const { code, stderr } = await run(words, { stdout })
      expect(code).to.equal(1)
      expect(stderr).to.match(/^error: stored version \d+, key id [0-9a-f]{32}, but standard output cannot be written/)
    }
    expect(await names()).to.include('lost')
  })

  it('does not hide that a record was deleted', async () => {
    for (const stdout of ['full', 'reader gone'] as const) {
      await client.storeRecord({ userId: 'alice', recordName: 'lost', data: Buffer.from('x') })
      const { code, stderr } = await run(['feclient', 'delete', ...user, '--name', 'lost'], { stdout })
      expect(code).to.equal(1)
      expect(stderr).to.match(/^error: deleted.*, but standard output cannot be written \(/)
      expect(await names()).not.to.include('lost')
    }
  })

  it('does not hide that a keyring was made', async () => {
    const file = join(box.folder(), 'keyring.json')
    const { code, stderr } = await run(['enc-server', 'keyring', 'init', '--file', file], { stdout: 'full' })
    expect(code).to.equal(1)
    expect(stderr).to.equal(
      `error: created the keyring ${file}, but standard output cannot be written (ENOSPC: no space left on device)\n`,
    )
    expect(existsSync(file)).to.equal(true)
  })

  function informing(): string[][] {
    const note = [...user, '--name', 'note']
    return [
      ['feclient'],
      ['feclient', '--help'],
      ['feclient', '--version'],
      ['feclient', 'help', 'store'],
      ['feclient', 'completion', 'bash'],
      ['feclient', 'list', ...user],
      ['feclient', 'list', ...user, '--json'],
      ['feclient', 'versions', ...note],
      ['feclient', 'get', ...note, '--key-file', keyFile],
      ['feclient', 'get', ...note, '--key-file', keyFile, '--json'],
      ['feclient', 'download', ...note, '--key-file', keyFile, '--out', '-'],
      ['feclient', 'export', ...user, '--out', '-'],
      ['beclient'],
      ['beclient', 'completion', 'zsh'],
      ['beclient', 'info'],
      ['beclient', 'info', '--json'],
      ['beclient', 'delete', '--record-id', recordId, '--allow-missing'],
      ['enc-server', '--help'],
      ['enc-server', 'doctor'],
      ['beserver', '--help'],
      ['feserver', '--version'],
    ]
  }

  it('is an error of every command that only informs, on a full device', async () => {
    for (const words of informing()) {
      const { code, stderr } = await run(words, { stdout: 'full' })
      expect(code, words.join(' ')).to.equal(1)
      expect(stderr, words.join(' ')).to.include(
        'standard output cannot be written (ENOSPC: no space left on device)\n',
      )
    }
  }).timeout(120_000)

  it('ends every command that only informs with 1, without a word, when its reader has gone', async () => {
    for (const words of informing().filter(([, subcommand]) => subcommand !== 'delete')) {
      const { code, stderr } = await run(words, { stdout: 'reader gone' })
      expect(code, words.join(' ')).to.equal(1)
      if (words[1] !== 'export') expect(stderr, words.join(' ')).to.equal('') // that one has a note about another record
      expect(stderr).not.to.include('error')
    }
  }).timeout(120_000)

  it('is noticed when a file takes a part of the result only', async () => {
    await client.storeRecord({
      userId: 'alice',
      recordName: 'large',
      data: Buffer.alloc(100_000),
      keyMode: KeyMode.KEY_MODE_SERVER,
    })
    const out = join(box.folder(), 'out')
    const { code, stderr } = await run(['feclient', 'get', ...user, '--name', 'large'], {
      file: { path: out, maxKiB: 64 },
    })
    expect(readFileSync(out)).to.have.length(64 * 1024)
    expect(code).to.equal(1)
    expect(stderr).to.equal('error: standard output cannot be written (EFBIG: file too large)\n')
  })

  it('is no error where a record key is not at stake and the null device is what the caller gave', async () => {
    expect((await run(['feclient', 'list', ...user], { stdout: 'closed' })).code).to.equal(0) // Node opens the null device
  })
})
