import promises, { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { openAtomicFile } from '../../../src/cli/files/atomic-file.js'

describe('atomic file', () => {
  let folder: string
  let path: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'enc-server-whole-file-'))
    path = join(folder, 'out')
  })

  afterEach(() => rm(folder, { recursive: true }))

  const open = (replace: boolean) => openAtomicFile({ path, flag: '--out', replace })

  it('appears whole, for its owner only', async () => {
    const file = await open(false)
    expect(await readdir(folder)).to.not.include('out')
    await file.commit(Buffer.from('data'))
    await file.discard()
    expect(await readFile(path, 'utf8')).to.equal('data')
    expect((await stat(path)).mode & 0o777).to.equal(0o600)
    expect(await readdir(folder)).to.deep.equal(['out'])
  })

  it('leaves nothing when it is discarded', async () => {
    await (await open(false)).discard()
    expect(await readdir(folder)).to.deep.equal([])
  })

  it('replaces a file, or a link but not its target, only with --force', async () => {
    const elsewhere = join(folder, 'elsewhere')
    await writeFile(elsewhere, 'untouched')
    await symlink(elsewhere, path)
    await open(false).then(
      () => expect.fail('it opened'),
      (error) => expect(error.message).to.equal(`--out: ${path} exists; --force replaces it`),
    )
    const file = await open(true)
    await file.commit(Buffer.from('new'))
    await file.discard()
    expect(await readFile(path, 'utf8')).to.equal('new')
    expect(await readFile(elsewhere, 'utf8')).to.equal('untouched')
  })

  it('does not replace a file that was created meanwhile', async () => {
    const file = await open(false)
    await writeFile(path, 'of somebody else')
    await file.commit(Buffer.from('new')).then(
      () => expect.fail('it replaced the file'),
      (error) => expect(error.message).to.equal(`--out: ${path} was created meanwhile; it was not replaced`),
    )
    await file.discard()
    expect(await readFile(path, 'utf8')).to.equal('of somebody else')
    expect(await readdir(folder)).to.deep.equal(['out'])
  })

  it('is committed even if its temporary name cannot be removed', async () => {
    const file = await open(false)
    const { unlink } = promises
    promises.unlink = () => Promise.reject(new Error('EIO'))
    syncBuiltinESMExports()
    try {
      await file.commit(Buffer.from('data'))
    } finally {
      promises.unlink = unlink
      syncBuiltinESMExports()
    }
    await file.discard()
    expect(await readFile(path, 'utf8')).to.equal('data')
    expect(await readdir(folder)).to.deep.equal(['out'])
  })

  it('appears under a name of the greatest length', async () => {
    path = join(folder, 'n'.repeat(255))
    const file = await open(false)
    await file.commit(Buffer.from('data'))
    await file.discard()
    expect(await readdir(folder)).to.deep.equal(['n'.repeat(255)])
  })

  it('says at once that a name is too long, or that a folder of it is a file', async () => {
    await writeFile(path, '')
    for (const [wrong, code] of [
      [join(folder, 'n'.repeat(256)), 'ENAMETOOLONG'],
      [join(path, 'out'), 'ENOTDIR'],
    ] as const) {
      await openAtomicFile({ path: wrong, flag: '--out', replace: true }).then(
        () => expect.fail('it opened'),
        (error) => expect(error).to.include({ path: wrong, code }),
      )
    }
    expect(await readdir(folder)).to.deep.equal(['out'])
  })

  it('says at once when the folder cannot be written', async () => {
    path = join(folder, 'absent', 'out')
    await open(true).then(
      () => expect.fail('it opened'),
      (error) => expect(error).to.include({ path, message: `ENOENT: no such file or directory, open '${path}'` }),
    )
  })
})
