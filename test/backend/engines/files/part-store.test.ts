import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect } from 'chai'
import { openFilePartStore } from '../../../../src/backend/engines/files/part-store.js'
import { partStoreContract } from '../../../part-store.contract.js'
import { call, reasonOf, rejection, sampleSet, type TempFolder, tempFolder } from '../../samples.js'

partStoreContract('a folder of files', async () => {
  const folder = await tempFolder()
  const root = join(folder.path, 'parts')
  let parts = await openFilePartStore(root)
  return {
    parts,
    async reopen() {
      await parts.close()
      parts = await openFilePartStore(root)
      return parts
    },
    async cleanup() {
      await parts.close()
      await folder.remove()
    },
  }
})

describe('the part store in files', () => {
  let folder: TempFolder
  let root: string

  beforeEach(async () => {
    folder = await tempFolder()
    root = join(folder.path, 'deep', 'parts')
  })
  afterEach(() => folder.remove())

  const all = async () => (await readdir(root, { recursive: true })).sort()

  it('keeps a part as a file of its bytes, under the names of its user, record and key id', async () => {
    const parts = await openFilePartStore(root)
    const set = sampleSet()
    const data = randomBytes(100)
    await parts.put({ ...set, partNumber: 12, data }, call)
    const halves = [set.recordId.subarray(0, 36), set.recordId.subarray(36)].map((half) => half.toString('base64url'))
    const path = join(root, ...halves, set.setId.toString('hex'), '12')
    expect(await readFile(path)).to.deep.equal(data)
    await parts.close()
  })

  it('gives its files and folders to this user only', async () => {
    const parts = await openFilePartStore(root)
    await parts.put({ ...sampleSet(), partNumber: 0, data: Buffer.of(1) }, call)
    for (const name of ['', ...(await all())]) {
      const found = await stat(join(root, name))
      expect(found.mode & 0o777).to.equal(found.isDirectory() ? 0o700 : 0o600)
    }
    await parts.close()
  })

  it('reports failures without the path, which has the pseudonym of a user', async () => {
    const parts = await openFilePartStore(root)
    const set = sampleSet()
    const user = set.recordId.subarray(0, 36).toString('base64url')
    await parts.put({ ...set, partNumber: 0, data: Buffer.of(1) }, call)
    await rm(join(root, '.unfinished'), { recursive: true })
    await rm(join(root, user), { recursive: true })
    await symlink(user, join(root, user)) // a loop
    for (const failing of [
      parts.put({ ...set, partNumber: 1, data: Buffer.of(1) }, call),
      parts.get({ ...set, partNumber: 0, offset: 0, length: 0 }, call),
      parts.state(set, call),
    ]) {
      const error = await rejection(failing)
      expect(error.reason).to.be.oneOf(['STORE_UNAVAILABLE', 'STORE_REFUSED'])
      expect(inspect(error))
        .to.match(/ENOENT: open|ELOOP: /)
        .and.not.include(root)
    }
    await parts.close()
  })

  it('leaves no temporary file after a put or a failed put', async () => {
    const parts = await openFilePartStore(root)
    const part = { ...sampleSet(), partNumber: 0 }
    await parts.put({ ...part, data: Buffer.of(1) }, call)
    await parts.put({ ...part, data: Buffer.of(1) }, call)
    await rejection(parts.put({ ...part, data: Buffer.of(2) }, call))
    expect(await readdir(join(root, '.unfinished'))).to.deep.equal([])
    await parts.close()
  })

  it('removes the temporary files of an ended process when it opens', async () => {
    await (await openFilePartStore(root)).close()
    await writeFile(join(root, '.unfinished', '0'), 'half a p')
    const parts = await openFilePartStore(root)
    expect(await all()).to.deep.equal(['.unfinished'])
    await parts.put({ ...sampleSet(), partNumber: 0, data: Buffer.of(1) }, call)
    await parts.close()
  })

  it('removes folders that become empty', async () => {
    const parts = await openFilePartStore(root)
    const set = sampleSet()
    await parts.put({ ...set, partNumber: 0, data: Buffer.of(1) }, call)
    await parts.remove(set, call)
    expect(await all()).to.deep.equal(['.unfinished'])
    await parts.close()
  })

  it('lists a set whose folder is empty, so that a sweep can remove it', async () => {
    const parts = await openFilePartStore(root)
    const set = sampleSet()
    await parts.put({ ...set, partNumber: 0, data: Buffer.of(1) }, call)
    await rm(join(root, (await all()).find((name) => name.endsWith('/0')) ?? expect.fail('no part')))
    const found = []
    for await (const each of parts.sets(call)) found.push(each)
    expect(found).to.deep.equal([set])
    expect(await parts.newest(set, call)).to.be.instanceOf(Date)
    expect(await parts.state(set, call)).to.equal(undefined)
    await parts.remove(set, call)
    expect(await all()).to.deep.equal(['.unfinished'])
    await parts.close()
  })

  it('creates folders again that somebody has removed', async () => {
    const parts = await openFilePartStore(root)
    const set = sampleSet()
    await parts.put({ ...set, partNumber: 0, data: Buffer.of(1) }, call)
    const [user = ''] = (await all()).filter((name) => name.length === 48)
    await rm(join(root, user), { recursive: true })
    await parts.put({ ...set, partNumber: 1, data: Buffer.of(2) }, call)
    expect(await parts.get({ ...set, partNumber: 1, offset: 0, length: 0 }, call)).to.deep.equal(Buffer.of(2))
    await parts.close()
  })

  it('ignores files and folders of other names', async () => {
    const parts = await openFilePartStore(root)
    const set = sampleSet()
    await parts.put({ ...set, partNumber: 0, data: Buffer.of(1) }, call)
    await mkdir(join(root, 'lost+found'))
    const own = (await all()).find((name) => name.endsWith('/0')) as string
    await writeFile(join(root, own, '..', 'note.txt'), '')
    await writeFile(join(root, 'A'.repeat(48)), '')
    const found = []
    for await (const each of parts.sets(call)) found.push(each)
    expect(found).to.deep.equal([set])
    expect(await parts.state(set, call)).to.include({ count: 1 })
    await parts.close()
  })

  it('finishes the calls in progress when it closes, and refuses later ones', async () => {
    const parts = await openFilePartStore(root)
    const set = sampleSet()
    const putting = parts.put({ ...set, partNumber: 0, data: randomBytes(1 << 20) }, call)
    await parts.close()
    expect((await all()).filter((name) => name.endsWith('/0'))).to.have.length(1)
    await putting
    expect(await reasonOf(parts.put({ ...set, partNumber: 1, data: Buffer.of(1) }, call))).to.equal('STORE_UNAVAILABLE')
  })

  it('refuses a path that is not a folder, and says why', async () => {
    await writeFile(join(folder.path, 'deep'), '')
    const error = await rejection(openFilePartStore(root))
    expect(error.reason).to.equal('STORE_UNAVAILABLE')
    expect(error.message).to.equal(`cannot open the parts in ${root} (ENOTDIR)`)
  })
})
