import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { readMongoUri } from '../../../src/backend/store/secret-file.js'
import { rejection, type TempFolder, tempFolder } from '../samples.js'

describe('readMongoUri', () => {
  let folder: TempFolder
  let path: string

  beforeEach(async () => {
    folder = await tempFolder()
    path = join(folder.path, 'uri')
    await writeFile(path, 'mongodb://user:secret@db.example/\n', { mode: 0o600 })
  })
  afterEach(() => folder.remove())

  async function refusal(): Promise<string> {
    const { reason, message } = await rejection(readMongoUri(path))
    expect(reason).to.equal('INVALID_REQUEST')
    return message
  }

  it('reads the URI without its line end, as a secret that cannot be printed', async () => {
    const uri = await readMongoUri(path)
    expect(uri.reveal().toString()).to.equal('mongodb://user:secret@db.example/')
    expect(`${uri}`).to.equal('[secret]')
  })

  for (const mode of [0o640, 0o604, 0o660]) {
    it(`refuses a file of mode ${mode.toString(8)}`, async () => {
      await chmod(path, mode)
      expect(await refusal()).to.equal(
        `backend.mongodb.uriFile: ${path} has mode ${mode.toString(8)}, so others may read it: chmod 600 it`,
      )
    })
  }

  it('accepts a file that its owner may only read', async () => {
    await chmod(path, 0o400)
    await readMongoUri(path)
  })

  it('refuses a missing file', async () => {
    path = join(folder.path, 'nowhere')
    expect(await refusal()).to.equal(`backend.mongodb.uriFile: cannot read ${path} (ENOENT)`)
  })

  it('never shows a URI that was set in place of a path, nor has a cause that does', async () => {
    path = 'mongodb://user:secret@db.example/'
    const { message, cause } = await rejection(readMongoUri(path))
    expect(message).to.equal('backend.mongodb.uriFile: cannot read a file whose path looks like a secret (ENOENT)')
    expect(cause).to.equal(undefined)
  })

  it('refuses a file too large to be a URI', async () => {
    await writeFile(path, Buffer.alloc(65_537, 'x'))
    expect(await refusal()).to.equal(
      `backend.mongodb.uriFile: ${path} is larger than 65536 bytes: is it the MongoDB URI?`,
    )
  })

  it('refuses an empty path', async () => {
    path = ''
    expect(await refusal()).to.equal('backend.mongodb.uriFile: must name the file that holds the MongoDB URI')
  })
})
