// The append-only file of an interrupted run, and how the next run resumes it.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createAppendFile, reopenAppendFile } from '../../../src/cli/files/append-file.js'
import { jsonObject } from '../../../src/cli/files/json-line.js'

const whole = '{"user":"a"}\n{"user":"b"}\n'

describe('append-only file', () => {
  let folder: string
  let path: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'enc-server-append-'))
    path = join(folder, 'keys')
  })

  afterEach(() => rm(folder, { recursive: true }))

  async function resume(): Promise<string[]> {
    const users: string[] = []
    const read = ({ text }: { text: Buffer | undefined }) => void users.push(String(jsonObject(text!)['user']))
    const file = await reopenAppendFile({ path, flag: '--keys-out', maxLineBytes: 100, advice: 'leave it', read })
    await file.append('{"user":"next"}\n')
    await file.close()
    return users
  }

  const refused = (work: Promise<unknown>) =>
    work.then(
      () => expect.fail('it was accepted'),
      (error: Error) => error.message,
    )

  it('is created for its owner, and never twice', async () => {
    const create = () => createAppendFile({ path, flag: '--keys-out', existsMessage: 'is there' })
    const file = await create()
    await file.append(whole)
    await file.close()
    expect((await stat(path)).mode & 0o777).to.equal(0o600)
    expect(await refused(create())).to.equal('--keys-out: is there')
  })

  it('is removed when nothing was written to it', async () => {
    await (await createAppendFile({ path, flag: '--keys-out', existsMessage: 'is there' })).close()
    expect(await readdir(folder)).to.deep.equal([])
  })

  it('appends to the lines of an earlier run', async () => {
    await writeFile(path, whole)
    expect(await resume()).to.deep.equal(['a', 'b'])
    expect(await readFile(path, 'utf8')).to.equal(`${whole}{"user":"next"}\n`)
    expect((await stat(path)).mode & 0o777).to.equal(0o600)
  })

  it('truncates a torn line, however it was torn', async () => {
    const last = '{"user":"c"}'
    for (let kept = 1; kept < last.length; kept += 1) {
      await writeFile(path, whole + last.slice(0, kept))
      expect(await resume(), last.slice(0, kept)).to.deep.equal(['a', 'b'])
      expect(await readFile(path, 'utf8')).to.equal(`${whole}{"user":"next"}\n`)
    }
  })

  it('keeps a last line that lacks only its line break', async () => {
    await writeFile(path, `${whole}{"user":"c"}`)
    expect(await resume()).to.deep.equal(['a', 'b', 'c'])
    expect(await readFile(path, 'utf8')).to.equal(`${whole}{"user":"c"}\n{"user":"next"}\n`)
  })

  it('refuses a foreign file, and leaves it as it is', async () => {
    for (const text of ['notes', `notes\n${whole}`, `${whole}notes`, `${whole}\n`, `${whole}${'x'.repeat(200)}`]) {
      await writeFile(path, text)
      expect(await refused(resume())).to.match(/keys, line [13]: .*; leave it$/)
      expect(await readFile(path, 'utf8')).to.equal(text)
    }
  })
})
