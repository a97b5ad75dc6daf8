import { execFileSync } from 'node:child_process'
import {
  chmod,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { randomSource } from '../../../src/frontend/crypto/random.js'
import { parseKeyring } from '../../../src/frontend/keys/keyring.js'
import { createKeyring, readKeyring } from '../../../src/frontend/keys/keyring-file.js'
import { refusal } from '../refusal.js'
import { keyringText } from '../world.js'

const random = randomSource()

describe('the keyring file', () => {
  let folder: string
  let path: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'enc-server-keyring-'))
    path = join(folder, 'keyring.json')
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('is read as it was made', async () => {
    await createKeyring(path, 'test', random)
    const made = parseKeyring(await readFile(path, 'utf8'))
    const read = await readKeyring(path)
    expect(read?.keyringId).to.deep.equal(made.keyringId)
    expect(read?.realm).to.equal('test')
  })

  it('that is not there is null', async () => {
    expect(await readKeyring(path)).to.equal(null)
    expect(await readKeyring(join(folder, 'no', 'such', 'folder'))).to.equal(null)
  })

  it('is made for its owner only, in a folder for its owner only, whatever the umask', async () => {
    const before = process.umask(0)
    try {
      path = join(folder, 'a', 'b', 'keyring.json')
      await createKeyring(path, 'test', random)
    } finally {
      process.umask(before)
    }
    expect((await stat(path)).mode & 0o777).to.equal(0o600)
    expect((await stat(join(folder, 'a', 'b'))).mode & 0o777).to.equal(0o700)
    expect((await stat(join(folder, 'a'))).mode & 0o777).to.equal(0o700)
  })

  for (const mode of [0o640, 0o604, 0o660, 0o610, 0o601, 0o644, 0o777]) {
    it(`with mode ${mode.toString(8)} is refused`, async () => {
      await createKeyring(path, 'test', random)
      await chmod(path, mode)
      const { reason, message } = await refusal(readKeyring(path))
      expect(reason).to.equal('INVALID_REQUEST')
      expect(message).to.equal(`the keyring ${path} has mode ${mode.toString(8)}, so others may read it: chmod 600 it`)
    })
  }

  for (const mode of [0o600, 0o400]) {
    it(`with mode ${mode.toString(8)} is read`, async () => {
      await createKeyring(path, 'test', random)
      await chmod(path, mode)
      expect(await readKeyring(path)).not.to.equal(null)
    })
  }

  it('is judged by itself, not by a link to it', async () => {
    await createKeyring(path, 'test', random)
    const linked = join(folder, 'link.json')
    await symlink(path, linked)
    expect(await readKeyring(linked)).not.to.equal(null)
    await chmod(path, 0o644)
    expect((await refusal(readKeyring(linked))).message).to.include('has mode 644')
  })

  it('is never overwritten, and what is there is not looked at', async () => {
    await writeFile(path, 'precious', { mode: 0o600 })
    const { reason, message } = await refusal(createKeyring(path, 'test', random))
    expect(reason).to.equal('INVALID_REQUEST')
    expect(message).to.equal(`${path} is there already, and is left as it is`)
    expect(await readFile(path, 'utf8')).to.equal('precious')
    expect(await readdir(folder)).to.deep.equal(['keyring.json'])
  })

  it('is not made where a link points to nothing', async () => {
    await symlink(join(folder, 'elsewhere'), path)
    expect((await refusal(createKeyring(path, 'test', random))).message).to.include('is there already')
    expect(await readdir(folder)).to.deep.equal(['keyring.json'])
  })

  it('of twenty that race is made by one, whole', async () => {
    const made = await Promise.allSettled(Array.from({ length: 20 }, () => createKeyring(path, 'test', random)))
    expect(made.filter(({ status }) => status === 'fulfilled')).to.have.length(1)
    for (const outcome of made) {
      if (outcome.status === 'rejected') expect(outcome.reason.message).to.include('is left as it is')
    }
    expect(await readKeyring(path)).not.to.equal(null)
    expect(await readdir(folder)).to.deep.equal(['keyring.json'])
  })

  it('is made beside what a crash before the link left behind, and that is not taken for it', async () => {
    await writeFile(`${path}.0011223344556677.tmp`, keyringText('test').slice(0, 100), { mode: 0o600 })
    expect(await readKeyring(path)).to.equal(null)
    await createKeyring(path, 'test', random)
    expect(await readKeyring(path)).not.to.equal(null)
  })

  it('is there only once it is whole and synced, and so are its folder and what leads to it', async () => {
    path = join(folder, 'new', 'newer', 'keyring.json')
    const synced: string[] = []
    const handle = await open(folder)
    const prototype = Object.getPrototypeOf(handle)
    const { sync } = prototype
    prototype.sync = async function () {
      const file = await readlink(`/proc/self/fd/${this.fd}`)
      synced.push(file.replace(/\.[0-9a-f]{16}\.tmp$/, ' (temporary)'))
      return sync.call(this)
    }
    try {
      await createKeyring(path, 'test', random)
    } finally {
      prototype.sync = sync
      await handle.close()
    }
    const parent = join(folder, 'new', 'newer')
    expect(synced).to.deep.equal([join(folder, 'new'), folder, `${path} (temporary)`, parent])
  })

  it('that is a folder or a pipe is refused, and not waited for', async () => {
    await mkdir(path, { mode: 0o700 })
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', ['-m', '600', pipe])
    for (const other of [path, pipe]) {
      const { reason, message } = await refusal(readKeyring(other))
      expect([reason, message]).to.deep.equal(['INVALID_REQUEST', `the keyring ${other} is not a file`])
    }
  })

  it('that is larger than a keyring can be is refused unread', async () => {
    await writeFile(path, Buffer.alloc(1024 * 1024 + 1, 0x20), { mode: 0o600 })
    const { message } = await refusal(readKeyring(path))
    expect(message).to.equal(`the keyring ${path} is larger than 1048576 bytes: is it a keyring?`)
  })

  it('that is damaged is refused, and the error shows none of it', async () => {
    await writeFile(path, '{"format":1,"secret":"c2VjcmV0IGtleSBtYXRlcmlhbA==', { mode: 0o600 })
    const error = await refusal(readKeyring(path))
    expect(error.message).to.equal(`${path}: the keyring is damaged: it is not JSON; restore it from its backup`)
    expect(JSON.stringify([error, `${error.stack}`, `${error.cause}`])).not.to.include('c2VjcmV0')
  })

  it('that cannot be read is refused, and says why', async () => {
    await symlink(path, path)
    const { reason, message } = await refusal(readKeyring(path))
    expect([reason, message]).to.deep.equal(['INVALID_REQUEST', `cannot read the keyring ${path} (ELOOP)`])
  })

  it('below what is no folder is refused in both ways, and says why', async () => {
    await writeFile(path, 'a file')
    const below = join(path, 'keyring.json')
    const read = await refusal(readKeyring(below))
    expect([read.reason, read.message]).to.deep.equal(['INVALID_REQUEST', `cannot read the keyring ${below} (ENOTDIR)`])
    for (const [file, code] of [
      [below, 'EEXIST'],
      [join(below, 'deeper', 'keyring.json'), 'ENOTDIR'],
    ] as const) {
      const made = await refusal(createKeyring(file, 'test', random))
      expect([made.reason, made.message]).to.deep.equal([
        'INVALID_REQUEST',
        `cannot write the keyring ${file} (${code})`,
      ])
    }
  })

  it('is not made for a realm that no key could be bound to', async () => {
    for (const realm of ['', 'r'.repeat(129), '\ud800']) {
      const { reason, fields } = await refusal(createKeyring(path, realm, random))
      expect(reason).to.equal('INVALID_REQUEST')
      expect(fields).to.deep.equal([{ field: 'frontend.realm', description: 'must be 1 to 128 bytes of text' }])
      expect(await readdir(folder)).to.deep.equal([])
    }
  })

  it('is not made of a random source that failed, and that is no fault of the request', async () => {
    const broken = randomSource(() => {
      throw new Error('no entropy')
    })
    expect((await refusal(createKeyring(path, 'test', broken))).reason).to.equal('INTERNAL')
    expect(await readdir(folder)).to.deep.equal([])
  })
})
