// Large records through the programs as people run them: ended in the middle, killed, on a full disk, and taken up again.
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { skip, until } from './calls.js'
import { ended, startFeclient } from './feclient.js'
import { type Server, sandbox } from './processes.js'
import { startProxy, type TcpProxy } from './proxy.js'

const MiB = 1024 * 1024
const film = ['--user', 'JTH', '--name', 'film']
const downloading = ['download', ...film, '--key-file', 'film.key', '--out']

describe('e2e: upload and download', () => {
  const box = sandbox()
  const data = randomBytes(72 * MiB)
  const sha256 = createHash('sha256').update(data).digest('hex')
  let frontend: Server
  let proxy: TcpProxy
  let folder: string

  before(async function () {
    this.timeout(120_000)
    folder = box.folder()
    frontend = await box.frontend({ backend: await box.backend() })
    proxy = await startProxy(box, frontend)
    writeFileSync(join(folder, 'film'), data)
    const { code, stdout, stderr } = await ended(
      feclient('upload', ...film, '--in', 'film', '--key-out', 'film.key', '--json'),
    )
    expect(code, stderr).to.equal(0)
    expect(JSON.parse(stdout)).to.include({ sizeBytes: data.length, sha256 })
  })

  const feclient = (...args: string[]) => startFeclient(box, { folder, address: proxy.address }, args)

  const sizeOf = (name: string) => (existsSync(join(folder, name)) ? statSync(join(folder, name)).size : 0)
  const stateOf = (name: string) => JSON.parse(readFileSync(join(folder, `${name}.partial.state`), 'utf8'))
  const hashOf = (name: string) =>
    createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex')

  /** Starts it and sends the signal when its file has so many bytes. */
  async function stopped(args: string[], signal: NodeJS.Signals, [file, bytes]: [string, number]) {
    const child = feclient(...args)
    const end = ended(child)
    await until(() => sizeOf(file) > bytes)
    child.kill(signal)
    return end
  }

  it('takes up a download that was ended, and one that was killed', async function () {
    this.timeout(120_000)
    const args = [...downloading, 'copy']
    const interrupted = await stopped(args, 'SIGINT', ['copy.partial', 2 * MiB])
    expect(interrupted.code).to.equal(130)
    expect(interrupted.stderr).to.match(
      /^copy\.partial holds the first .* MB; --resume continues it\nerror: CANCELLED: interrupted\n/,
    )
    const { bytes, sha256: soFar } = stateOf('copy')
    expect(bytes).to.equal(sizeOf('copy.partial'))
    expect(soFar).to.equal(hashOf('copy.partial'))
    expect(existsSync(join(folder, 'copy'))).to.equal(false)

    const killed = await stopped([...args, '--resume'], 'SIGKILL', ['copy.partial', bytes + 36 * MiB])
    expect(killed.code).to.equal(null)
    expect(stateOf('copy').bytes).to.be.greaterThan(bytes)

    const { code, stdout, stderr } = await ended(feclient(...args, '--resume', '--json'))
    expect(code, stderr).to.equal(0)
    expect(JSON.parse(stdout)).to.include({ bytes: data.length, sha256 })
    expect(hashOf('copy')).to.equal(sha256)
    expect(readdirSync(folder).filter((name) => name.startsWith('copy'))).to.deep.equal(['copy'])
  })

  it('goes on by itself when the connection breaks', async function () {
    this.timeout(120_000)
    const child = feclient(...downloading, 'mended')
    const end = ended(child)
    for (const bytes of [MiB, 15 * MiB, 30 * MiB]) {
      await until(() => sizeOf('mended.partial') > bytes)
      proxy.cut()
    }
    const { code, stderr } = await end
    expect(code, stderr).to.equal(0)
    expect(hashOf('mended')).to.equal(sha256)
  })

  it('stores nothing of an upload that was ended or cut off: the record is the one it was', async function () {
    this.timeout(120_000)
    writeFileSync(join(folder, 'other'), randomBytes(40 * MiB))
    const uploading = ['upload', ...film, '--in', 'other', '--key-out', 'other.key']
    for (const end of ['SIGINT', 'SIGKILL', 'cut'] as const) {
      let up = 0
      proxy.filter((direction, piece) => {
        if (direction === 'up') up += piece.length
        return true
      })
      const child = feclient(...uploading)
      const ending = ended(child)
      await until(() => up > 8 * MiB)
      const endedAt = Date.now()
      if (end === 'cut') proxy.cut()
      else child.kill(end)
      const { code, stderr } = await ending
      expect(Date.now() - endedAt, end).to.be.lessThan(5_000)
      expect(code).to.equal(end === 'SIGKILL' ? null : end === 'SIGINT' ? 130 : 1)
      if (end === 'cut') expect(stderr).to.match(/^error: (UNREACHABLE|OUTCOME_UNKNOWN): /m)
      expect(existsSync(join(folder, 'other.key'))).to.equal(false)
      proxy.resume()
    }
    const { code, stdout } = await ended(feclient(...downloading, 'still', '--json'))
    expect(code).to.equal(0)
    expect(JSON.parse(stdout)).to.include({ version: '1', sha256 })
  })

  it('does not mix two versions', async function () {
    this.timeout(120_000)
    const args = [...downloading, 'mixed']
    await stopped(args, 'SIGINT', ['mixed.partial', 2 * MiB])
    const uploaded = await ended(feclient('upload', ...film, '--in', 'film', '--key-out', 'new.key'))
    expect(uploaded.code, uploaded.stderr).to.equal(0)
    const withNewKey = args.map((word) => (word === 'film.key' ? 'new.key' : word))
    const { code, stderr } = await ended(feclient(...withNewKey, '--resume'))
    expect(code).to.equal(1)
    expect(stderr).to.include(
      'error: PRECONDITION_FAILED: mixed.partial is a part of another record or version, key id ',
    )
    rmSync(join(folder, 'mixed.partial'))
    expect((await ended(feclient(...withNewKey, '--resume'))).code).to.equal(0)
    expect(hashOf('mixed')).to.equal(sha256)
  })

  it('keeps what fits on a full disk, and goes on when there is room', async function () {
    this.timeout(120_000)
    const disk = join(folder, 'disk')
    mkdirSync(disk)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'enc-server-e2e', disk], { stdio: 'pipe' })
    } catch (error) {
      return skip(this, `cannot mount a tmpfs: ${(error as { stderr?: Buffer }).stderr ?? error}`.trim())
    }
    box.defer(() => execFileSync('umount', ['--lazy', disk]))
    const args = [...downloading, 'disk/film'].map((word) => (word === 'film.key' ? 'new.key' : word))
    const { code, stderr } = await ended(feclient(...args))
    expect(code).to.equal(1)
    expect(stderr).to.match(
      /disk\/film\.partial holds the first .* MB; --resume continues it\nerror: ENOSPC: no space left/,
    )
    const { bytes } = stateOf('disk/film')
    expect(bytes).to.be.greaterThan(30 * MiB)
    execFileSync('mount', ['-o', 'remount,size=200m', disk])
    const { code: done, stdout } = await ended(feclient(...args, '--resume', '--json'))
    expect(done).to.equal(0)
    expect(JSON.parse(stdout)).to.include({ bytes: data.length, sha256 })
  })
})
