// What an interrupted run leaves, and what the next one makes of it.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createAppendFile, reopenAppendFile } from '../../src/cli/files/append-file.js'
import { jsonObject } from '../../src/cli/files/json-line.js'
import { storedLines } from '../../src/cli/import/stored-lines.js'
import { keyIdSet } from '../../src/cli/keys/key-id-set.js'

const whole = '{"user":"a"}\n{"user":"b"}\n'

describe('growing file', () => {
  let folder: string
  let path: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'enc-server-growing-'))
    path = join(folder, 'keys')
  })

  afterEach(() => rm(folder, { recursive: true }))

  async function goOn(): Promise<string[]> {
    const users: string[] = []
    const read = ({ text }: { text: Buffer | undefined }) => void users.push(String(jsonObject(text!)['user']))
    const file = await reopenAppendFile({ path, flag: '--keys-out', maxLineBytes: 100, otherwise: 'leave it', read })
    await file.append('{"user":"next"}\n')
    await file.close()
    return users
  }

  const refused = (work: Promise<unknown>) =>
    work.then(
      () => expect.fail('it was taken'),
      (error: Error) => error.message,
    )

  it('is made for its owner, and never twice', async () => {
    const create = () => createAppendFile({ path, flag: '--keys-out', taken: 'is there' })
    const file = await create()
    await file.append(whole)
    await file.close()
    expect((await stat(path)).mode & 0o777).to.equal(0o600)
    expect(await refused(create())).to.equal('--keys-out: is there')
  })

  it('is gone when nothing was written to it', async () => {
    await (await createAppendFile({ path, flag: '--keys-out', taken: 'is there' })).close()
    expect(await readdir(folder)).to.deep.equal([])
  })

  it('goes on after what is there', async () => {
    await writeFile(path, whole)
    expect(await goOn()).to.deep.equal(['a', 'b'])
    expect(await readFile(path, 'utf8')).to.equal(`${whole}{"user":"next"}\n`)
    expect((await stat(path)).mode & 0o777).to.equal(0o600)
  })

  it('takes a torn line away, however it was torn', async () => {
    const last = '{"user":"c"}'
    for (let kept = 1; kept < last.length; kept += 1) {
      await writeFile(path, whole + last.slice(0, kept))
      expect(await goOn(), last.slice(0, kept)).to.deep.equal(['a', 'b'])
      expect(await readFile(path, 'utf8')).to.equal(`${whole}{"user":"next"}\n`)
    }
  })

  it('keeps a last line that lacks nothing but its line break', async () => {
    await writeFile(path, `${whole}{"user":"c"}`)
    expect(await goOn()).to.deep.equal(['a', 'b', 'c'])
    expect(await readFile(path, 'utf8')).to.equal(`${whole}{"user":"c"}\n{"user":"next"}\n`)
  })

  it('refuses a file of somebody else, and leaves it as it is', async () => {
    for (const text of ['notes', `notes\n${whole}`, `${whole}notes`, `${whole}\n`, `${whole}${'x'.repeat(200)}`]) {
      await writeFile(path, text)
      expect(await refused(goOn())).to.match(/keys, line [13]: .*; leave it$/)
      expect(await readFile(path, 'utf8')).to.equal(text)
    }
  })
})

describe('stored lines', () => {
  it('knows which lines are stored, and which are other lines now', () => {
    const stored = storedLines()
    for (let line = 1; line <= 5000; line += 2) stored.add({ line, lineBytes: line, user: 'a', name: `${line}` })
    const at = (line: number) => ({ line, lineBytes: line, user: 'a', name: `${line}` })
    expect(stored.look(at(4999))).to.equal('stored')
    expect(stored.look(at(4998))).to.equal('new')
    expect(stored.look(at(1_000_001))).to.equal('new')
    expect(stored.look({ ...at(3), lineBytes: 4 })).to.equal('changed')
    expect(stored.look({ ...at(3), user: 'b' })).to.equal('changed')
    expect(stored.look({ ...at(3), name: '' })).to.equal('changed')
  })
})

describe('key id set', () => {
  const idOf = (at: number) => {
    const id = Buffer.alloc(16, 1)
    id.writeUInt32BE(at % 500, 0) // many of one hash
    id.writeUInt32BE(at, 4)
    return id
  }

  it('has what was added, and nothing else', () => {
    const set = keyIdSet()
    for (let at = 0; at < 3000; at += 1) {
      set.add(idOf(at))
      set.add(idOf(at))
    }
    for (let at = 0; at < 3000; at += 1) expect(set.has(idOf(at))).to.equal(true)
    for (let at = 3000; at < 4000; at += 1) expect(set.has(idOf(at))).to.equal(false)
  })
})
