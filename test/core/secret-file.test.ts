import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { readOwnerOnly } from '../../src/core/secret-file.js'

describe('readOwnerOnly', () => {
  let folder: string
  const read = (name: string) =>
    readOwnerOnly({
      path: join(folder, name),
      holds: 'a secret',
      maxBytes: 8,
      refuse: (problem) => new Error(`refused: ${problem}`),
    })
  const messageOf = (name: string) => read(name).catch((error: Error) => error.message)

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'secret-file-'))
  })
  after(() => rm(folder, { recursive: true }))

  it('reads a file of its owner', async () => {
    await writeFile(join(folder, 'own'), 'secret', { mode: 0o600 })
    expect(String(await read('own'))).equal('secret')
  })

  it('returns null where there is no file', async () => {
    expect(await read('absent')).equal(null)
  })

  it('refuses a file that a group or others may read or write', async () => {
    await writeFile(join(folder, 'open'), 'secret')
    for (const mode of [0o640, 0o604, 0o620, 0o602]) {
      await chmod(join(folder, 'open'), mode)
      const problem = `has mode ${mode.toString(8)}, so others may read it: chmod 600 it`
      expect(await messageOf('open')).equal(`refused: ${problem}`)
    }
  })

  it('refuses a file that is too large', async () => {
    await writeFile(join(folder, 'large'), '9 bytes..', { mode: 0o600 })
    expect(await messageOf('large')).equal('refused: is larger than 8 bytes: is it a secret?')
  })

  it('refuses a folder and a named pipe, without waiting for a writer', async () => {
    await mkdir(join(folder, 'folder'))
    execFileSync('mkfifo', [join(folder, 'pipe')])
    expect(await messageOf('folder')).equal('refused: is not a file')
    expect(await messageOf('pipe')).equal('refused: is not a file')
  })
})
