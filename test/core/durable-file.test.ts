import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { makeFolders } from '../../src/core/durable-file.js'

describe('folders', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'enc-server-folders-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('are made with their parents, for their owner only', async () => {
    const deep = join(folder, 'a', 'b', 'c')
    expect(makeFolders(deep)).to.deep.equal([join(folder, 'a'), join(folder, 'a', 'b'), deep])
    expect((await stat(join(folder, 'a'))).mode & 0o777).to.equal(0o700)
    expect(makeFolders(deep)).to.deep.equal([])
    expect(makeFolders('/')).to.deep.equal([])
  })

  it('are not made in place of a file', async () => {
    await writeFile(join(folder, 'file'), '')
    await symlink('nowhere', join(folder, 'dangling'))
    for (const [path, words] of [
      ['file', 'EEXIST'],
      ['file/below', 'ENOTDIR'],
      ['dangling', 'EEXIST'],
      ['dangling/below', 'EEXIST'],
    ] as const) {
      expect(() => makeFolders(join(folder, path)), path).to.throw(words)
    }
  })

  it('fail without a loop in a folder that accepts none', () => {
    expect(() => makeFolders('/proc/enc-server')).to.throw('ENOENT')
    expect(() => makeFolders('/proc/enc-server/deep')).to.throw('ENOENT')
  })
})
