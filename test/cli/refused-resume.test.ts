// A --resume that is refused changes nothing: not the report of the earlier run, nor the end that a kill has torn.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { feclient } from '../../src/cli/feclient/feclient.js'
import { fakeTerminal } from './fake-terminal.js'

const idOf = (user: string) => Buffer.from(user.padEnd(16)).toString('hex')
const whole = (line: object) => `${JSON.stringify(line)}\n`
const keyOf = (user: string, from: object) => whole({ user, name: 'n', key_id: idOf(user), record_key: 'k', ...from })
const ofFile = { file_bytes: 1, modified: '2026-01-01T00:00:00Z' }

describe('a refused --resume', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'enc-server-refused-'))
    await writeFile(at('report'), 'of the earlier run\n')
    await writeFile(at('bob.keys'), keyOf('bob', ofFile))
    await mkdir(at('in'))
  })

  afterEach(() => rm(folder, { recursive: true }))

  const at = (...names: string[]) => join(folder, ...names)

  /** What is said; the file, which is given an end as a kill leaves it, must be as it was, and the report too. */
  async function refuses(words: string[], left: string, text: string): Promise<string> {
    let printed = ''
    for (const torn of [`${text}{"user":"al`, text.trimEnd()]) {
      await writeFile(left, torn)
      const flags = ['--resume', '--report', at('report'), '--address', '127.0.0.1:1', '--timeout', '1']
      const terminal = fakeTerminal(['feclient', ...words, ...flags])
      expect(await feclient(terminal), terminal.printed().stderr).to.equal(2)
      expect(await readFile(left, 'utf8')).to.equal(torn)
      expect(await readFile(at('report'), 'utf8')).to.equal('of the earlier run\n')
      printed = terminal.printed().stderr
    }
    return printed
  }

  it("of another user's import of a folder", async () => {
    const words = ['import', '--in', at('in'), '--user', 'bob', '--keys-out', at('keys')]
    expect(await refuses(words, at('keys'), keyOf('alice', ofFile))).to.include(
      `--keys-out: ${at('keys')} is of another user's import: name another`,
    )
  })

  it('of an import whose input has changed', async () => {
    await writeFile(at('lines'), '{}\n')
    const before = { line: 1, line_bytes: 9, input: { bytes: 10, modified: '2026-01-01T00:00:00Z' } }
    const words = ['import', '--in', at('lines'), '--keys-out', at('keys')]
    expect(await refuses(words, at('keys'), keyOf('alice', before))).to.include('--in: the file has changed since')
  })

  it("of another user's export", async () => {
    const line = whole({ user: 'alice', name: 'n', data: '', key_id: idOf('alice') })
    const advice = `${at('out.partial')} is of an export of another user's records; remove it to start over`
    for (const of of [
      ['--user', 'bob'],
      ['--keys', at('bob.keys')],
    ]) {
      expect(await refuses(['export', ...of, '--out', at('out')], at('out.partial'), line)).to.include(advice)
    }
  })

  it("of another user's export into a folder", async () => {
    await mkdir(at('out', '.enc-server'), { recursive: true, mode: 0o700 })
    const line = whole({ user: 'alice', name: 'n', key_id: idOf('alice'), sha256: 'x' })
    const list = at('out', '.enc-server', 'exported.ndjson')
    const advice = `${at('out')} is of an export of another user's records; leave --resume out`
    expect(await refuses(['export', '--keys', at('bob.keys'), '--out', at('out')], list, line)).to.include(advice)
    expect(await refuses(['export', '--user', 'bob', '--out', at('out')], list, line)).to.include(advice)
  })
})
