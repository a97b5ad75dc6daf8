// Folders as sources and as targets: what is found in them, and that no name leads out of them.
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { openAtomicFile } from '../../../src/cli/files/atomic-file.js'
import { openFolderFile, walkFolder } from '../../../src/cli/files/folder-files.js'
import { makeParents, targetPath } from '../../../src/cli/files/folder-target.js'

describe('folder', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'enc-server-folder-'))
  })

  afterEach(() => rm(folder, { recursive: true }))

  const messageOf = (work: Promise<unknown>) =>
    work.then(
      () => 'accepted',
      (error: Error) => error.message,
    )

  async function namesIn(): Promise<{ names: string[]; skipped: number }> {
    const walk = walkFolder(folder)
    const names = []
    for await (const { name } of walk.files()) names.push(name)
    return { names, skipped: walk.skipped }
  }

  it('is walked in a stable order, by names with / between', async () => {
    await mkdir(join(folder, 'b', 'empty'), { recursive: true })
    await mkdir(join(folder, 'b', 'deep'))
    for (const name of ['z', 'b/deep/2', 'b/1', 'a', '.hidden', 'b/deep/10']) await writeFile(join(folder, name), name)
    const names = ['.hidden', 'a', 'b/1', 'b/deep/10', 'b/deep/2', 'z']
    expect(await namesIn()).to.deep.equal({ names, skipped: 0 })
  })

  it('is walked without following links or opening special files', async () => {
    await writeFile(join(folder, 'file'), '')
    await symlink('/etc', join(folder, 'etc'))
    await symlink('file', join(folder, 'link'))
    const socket = createServer().listen(join(folder, 'socket'))
    await once(socket, 'listening')
    expect(await namesIn()).to.deep.equal({ names: ['file'], skipped: 3 })
    socket.close()
    // One that became a link after it was found.
    expect(await messageOf(openFolderFile({ path: join(folder, 'link'), name: 'link' }))).to.include('ELOOP')
  })

  it('is walked without the temporary files of a killed program', async () => {
    const path = join(folder, 'keys')
    const file = await openAtomicFile({ path, flag: '--keys-out', replace: false })
    await writeFile(join(folder, '.enc-server-notes.tmp'), 'of the user')
    expect(await namesIn()).to.deep.equal({ names: ['.enc-server-notes.tmp'], skipped: 1 })
    await file.discard()
  })

  it('is walked past an unreadable folder, which is reported', async () => {
    for (const name of ['a', 'b', 'c']) await mkdir(join(folder, name))
    for (const name of ['a/1', 'b/1', 'c/1']) await writeFile(join(folder, name), '')
    const found = []
    for await (const file of walkFolder(folder).files()) {
      if (found.length === 0) await rm(join(folder, 'b'), { recursive: true })
      found.push(file)
    }
    expect(found.map(({ name }) => name)).to.deep.equal(['a/1', 'b/', 'c/1'])
    expect(await messageOf(openFolderFile(found[1]!))).to.include('ENOENT')
  })

  it('may have names that no record can have', async () => {
    await writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff])]), '')
    const [found] = (await namesIn()).names
    const opened = openFolderFile({ path: join(folder, found!), name: found! })
    expect(await messageOf(opened)).to.equal('name: is not UTF-8, or contains U+FFFD')
  })

  it('accepts names that lie below it', () => {
    expect(targetPath('/out', 'a')).to.equal('/out/a')
    expect(targetPath('/out/', 'a/b c/..d')).to.equal('/out/a/b c/..d')
    expect(targetPath('out', '...')).to.equal('out/...')
  })

  it('refuses the name of the state folder in any spelling', () => {
    const refused = 'name: begins with .enc-server, where an export keeps its state'
    for (const name of ['.enc-server', '.enc-server/x', '.ENC-Server/x', '.enc\u200d-server/x', '．enc-server']) {
      expect(() => targetPath('/out', name), name).to.throw(refused)
    }
    expect(targetPath('/out', 'x/.enc-server')).to.equal('/out/x/.enc-server')
  })

  it('is walked without the state folder', async () => {
    await mkdir(join(folder, '.enc-server'))
    await writeFile(join(folder, '.enc-server', 'exported.ndjson'), '')
    await writeFile(join(folder, 'a'), '')
    expect(await namesIn()).to.deep.equal({ names: ['a'], skipped: 0 })
  })

  it('refuses names that lead out of it', () => {
    const names = [
      '..',
      '../x',
      '../../x',
      'a/../../x',
      'a/..',
      '.',
      './x',
      'a/./x',
      '/etc/passwd',
      'a//b',
      'a/',
      '/',
      'a\0b',
    ]
    for (const name of names) expect(() => targetPath('/out', name), name).to.throw('is not a path within a folder')
    expect(() => targetPath('/out', '')).to.throw('name: is empty, and a file needs a name')
  })

  it('refuses every generated name that leads out of it', () => {
    const part = fc.oneof(fc.constantFrom('..', '.', '', 'a', '~', '\0', '..\\', 'c:'), fc.string())
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const name = parts.join('/')
        let path: string
        try {
          path = targetPath('/out', name)
        } catch {
          return
        }
        expect(relative('/out', path)).to.equal(name)
        expect(path.startsWith('/out/')).to.equal(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('is not left through a link in it', async () => {
    const outside = join(folder, 'outside')
    const target = join(folder, 'target')
    await mkdir(outside)
    await mkdir(target)
    await symlink(outside, join(target, 'link'))
    await writeFile(join(target, 'file'), '')
    const through = 'name: leads through something that is not a folder'
    expect(await messageOf(makeParents(target, 'link/x/y'))).to.equal(through)
    expect(await messageOf(makeParents(target, 'file/x'))).to.equal(through)
    expect(await readdir(outside)).to.deep.equal([])
    await makeParents(join(target, 'new'), 'a/b/c')
    expect(await readdir(join(target, 'new', 'a'))).to.deep.equal(['b'])
  })
})
