// What the clients say of a write that nobody answered: against a server that takes every call and answers none.
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { beclient } from '../../../src/cli/beclient/beclient.js'
import { feclient } from '../../../src/cli/feclient/feclient.js'
import { unknownOutcome } from '../../../src/cli/transfer/unknown-outcome.js'
import { lateUnsent } from '../../../src/core/client/retry.js'
import { VaultError } from '../../../src/core/errors.js'
import { fakeTerminal } from '../fake-terminal.js'

const passed = 'error: DEADLINE_EXCEEDED: the deadline passed before the answer'
const alice = ['--user', 'alice']
const token = /^rvk1_[a-z2-7]{88}\n$/
const onOutput = 'the record key that was tried is on standard output: it opens the record if it was stored'

describe('a write without an answer', () => {
  let folder: string
  let silent: Http2Server

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'enc-server-doubt-'))
    silent = createServer().on('stream', () => undefined)
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  })

  afterEach(async () => {
    silent.close()
    await rm(folder, { recursive: true })
  })

  const address = () => `127.0.0.1:${(silent.address() as AddressInfo).port}`

  async function said(words: string[], program = feclient): Promise<string[]> {
    const flags = ['--timeout', '0.5', '--address', address()]
    const terminal = fakeTerminal(['client', ...words, ...flags], { stdin: Buffer.from('{"user":"a","text":"x"}\n') })
    expect(await program(terminal)).to.equal(1)
    expect(terminal.printed().stdout).to.equal('')
    return terminal.printed().stderr.trimEnd().split('\n')
  }

  /** As `said`, of a write that prints the key that it tried. */
  async function saidWithKey(words: string[]): Promise<string[]> {
    const flags = ['--timeout', '0.5', '--address', address()]
    const terminal = fakeTerminal(['client', ...words, ...flags], { stdin: Buffer.from('x') })
    expect(await feclient(terminal)).to.equal(1)
    expect(terminal.printed().stdout).to.match(token)
    const [note, ...lines] = terminal.printed().stderr.trimEnd().split('\n')
    expect(note).to.equal(onOutput)
    return lines
  }

  it('may have stored', async () => {
    const [error, more, hint = '', ...rest] = await saidWithKey(['store', ...alice])
    expect(more).to.equal('hint: --timeout SECONDS sets a longer timeout')
    expect(error).to.equal(`${passed}; the record may have been stored`)
    expect(hint).to.match(/^hint: `feclient versions` shows/)
    expect(rest).to.deep.equal([])
  })

  it('keeps the key that it tried in a file beside the key file', async () => {
    const keyOut = join(folder, 'note.key')
    const [note, error] = await said(['store', ...alice, '--key-out', keyOut])
    const [, pending = ''] = /is in (\S+\.pending): it opens the record if it was stored$/.exec(note ?? '') ?? []
    expect(pending.startsWith(`${keyOut}.`)).to.equal(true)
    expect(error).to.equal(`${passed}; the record may have been stored`)
    expect(await readFile(pending, 'utf8')).to.match(token)
  })

  it('may have stored when it was interrupted', async () => {
    const terminal = fakeTerminal(['feclient', 'store', ...alice, '--address', address()], { stdin: Buffer.from('x') })
    const taken = once(silent, 'stream')
    const ended = feclient(terminal)
    await taken
    terminal.emit('SIGINT')
    expect(await ended).to.equal(130)
    expect(terminal.printed().stdout).to.match(token)
    const [note, error, hint, ...rest] = terminal.printed().stderr.trimEnd().split('\n')
    expect(note).to.equal(onOutput)
    expect(error).to.equal('error: CANCELLED: interrupted; the record may have been stored')
    expect(hint).to.match(/^hint: `feclient versions`/)
    expect(rest).to.deep.equal([])
  })

  it('may have restored, or deleted', async () => {
    const [restored, , restoredHint] = await saidWithKey(['restore', ...alice, '--version', '1'])
    expect(restored).to.equal(`${passed}; it may have been restored`)
    expect(restoredHint).to.include('`feclient versions')
    const [deleted, , deletedHint] = await said(['delete', '--unnamed', ...alice])
    expect(deleted).to.equal(`${passed}; the record may have been deleted`)
    expect(deletedHint).to.include('--allow-missing')
  })

  it('may have uploaded, if all was sent', async () => {
    const [error, , hint] = await saidWithKey(['upload', ...alice])
    expect(error).to.match(/^error: DEADLINE_EXCEEDED: the server made no progress for 0.5 s; the record may/)
    expect(hint).to.include('feclient versions')
  })

  it('cannot have uploaded if not all was sent, and prints no key', async () => {
    const flags = ['--timeout', '0.5', '--address', address()]
    const stdin = Buffer.alloc(8 * 1024 * 1024) // more than the windows of a server that reads nothing
    const terminal = fakeTerminal(['feclient', 'upload', ...alice, ...flags], { stdin })
    expect(await feclient(terminal)).to.equal(1)
    expect(terminal.printed().stdout).to.equal('')
    const [error, hint] = terminal.printed().stderr.trimEnd().split('\n')
    expect(error).to.equal('error: DEADLINE_EXCEEDED: the server made no progress for 0.5 s')
    expect(hint).to.equal('hint: --timeout SECONDS sets a longer timeout')
  })

  it('may have imported', async () => {
    const keys = join(folder, 'keys')
    const printed = await said(['import', '--keys-out', keys])
    expect(printed.at(-3)).to.match(/^error: DEADLINE_EXCEEDED: .+; records that were being sent may have been stored$/)
    expect(printed.at(-1)).to.include('--resume')
  })

  it('has no such words if it only read', async () => {
    expect(await said(['get', ...alice])).to.deep.equal([passed, 'hint: --timeout SECONDS sets a longer timeout'])
  })

  it('may have deleted in the back end', async () => {
    const [error, , hint] = await said(['delete', '--record-id', '00'.repeat(72)], beclient)
    expect(error).to.equal(`${passed}; the record may have been deleted`)
    expect(hint).to.include('beclient get')
  })

  it('leaves none when it was never sent, or refused', () => {
    for (const error of [lateUnsent(), new VaultError('STORE_FULL')]) {
      expect(unknownOutcome('unanswered store', error)).to.equal(error)
    }
  })
})
