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

  it('reads the URI without the end of its line, as something that cannot be printed', async () => {
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

  it('takes a file that even its owner may only read', async () => {
    await chmod(path, 0o400)
    await readMongoUri(path)
  })

  it('refuses a file that is not there', async () => {
    path = join(folder.path, 'nowhere')
    expect(await refusal()).to.equal(`backend.mongodb.uriFile: cannot read ${path} (ENOENT)`)
  })

  it('shows nothing of a URI that stands where its file is to be named, nor has a cause that does', async () => {
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

  it('wants a file to be named', async () => {
    path = ''
    expect(await refusal()).to.equal('backend.mongodb.uriFile: must name the file that holds the MongoDB URI')
  })
})
