// What an interrupted download leaves, and what the next one makes of it. The server is a double of a few lines; the
// scripts and the e2e tests have the real one.
import { createHash } from 'node:crypto'
import {
  appendFile,
  chmod,
  chown,
  link,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { openDownload } from '../../../src/cli/download/download-file.js'
import type { Range } from '../../../src/cli/download/download-state.js'
import { downloadStream } from '../../../src/cli/download/download-stream.js'
import { VaultError } from '../../../src/core/errors.js'
import { type FrontendClient, KeyMode, type RecordInfo } from '../../../src/frontend/client.js'

const record = {
  recordName: 'film',
  version: 3n,
  keyId: Buffer.alloc(16, 7),
  keyMode: KeyMode.KEY_MODE_SPLIT,
  storeTime: new Date(0),
  expireTime: undefined,
  attributes: undefined,
}
const data = Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 7) % 251))
const everything = { offset: 0, length: 0 }
const request = { userId: 'alice', recordName: 'film', recordKey: 'rvk1_' }

type Asked = Parameters<FrontendClient['downloadRecord']>[0]

/** Serves `data` in chunks of 1000, and breaks after so many. */
function server({ breakAfter = Number.POSITIVE_INFINITY, stall = false, cut = 0, error }: Serving = {}) {
  const asked: Asked[] = []
  let left = 0
  const downloadRecord = async (wanted: Asked, { signal }: { signal?: AbortSignal } = {}) => {
    asked.push(wanted)
    if (error) throw error
    const { offset = 0n, length = 0n } = wanted
    const end = length === 0n ? data.length : Number(offset + length)
    async function* chunks() {
      try {
        let sent = 0
        for (let at = Number(offset); at < end - cut; at += 1000) {
          if (sent === breakAfter && stall) await sleep(10_000, undefined, { signal }).catch(() => undefined)
          if (signal?.aborted) throw signal.reason
          if (sent === breakAfter) throw new VaultError('UNREACHABLE')
          sent += 1
          yield data.subarray(at, Math.min(at + 1000, end - cut))
        }
      } finally {
        left += 1
      }
    }
    return { record: { ...record, sizeBytes: BigInt(data.length) } as RecordInfo, chunks: chunks() }
  }
  return { client: { downloadRecord } as unknown as FrontendClient, asked, left: () => left }
}

interface Serving {
  breakAfter?: number
  stall?: boolean
  cut?: number
  error?: VaultError
}

describe('download', () => {
  let folder: string
  let path: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'enc-server-download-'))
    path = join(folder, 'film')
  })

  afterEach(() => rm(folder, { recursive: true }))

  interface Run {
    served?: ReturnType<typeof server>
    range?: Range
    resume?: boolean
    replace?: boolean
    stallMs?: number
    expectKeyId?: Buffer
  }

  /** As the command does it; returns what failed and how much is kept. */
  async function download({ served = server(), range = everything, resume = false, ...rest }: Run = {}) {
    const { replace = false, stallMs = 5000, expectKeyId } = rest
    const sink = await openDownload({ path, replace, resume, range })
    let failure: unknown
    try {
      const limit = { stallMs, signal: new AbortController().signal }
      const asking = expectKeyId ? { ...request, expectKeyId } : request
      await downloadStream(served.client, { request: asking, range, sink, limit, onProgress: () => undefined })
      await sink.publish()
    } catch (thrown) {
      failure = thrown
    }
    return { failure: failure as VaultError | undefined, sha256: sink.sha256(), kept: await sink.close() }
  }

  const refused = (run: Run) =>
    download(run).then(
      ({ failure }) => failure?.message ?? 'accepted',
      (error: Error) => error.message,
    )

  it('appears whole, for its owner only, with nothing beside it', async () => {
    const served = server()
    const { failure, sha256 } = await download({ served })
    expect(failure).to.equal(undefined)
    expect(sha256).to.equal(createHash('sha256').update(data).digest('hex'))
    expect(await readdir(folder)).to.deep.equal(['film'])
    expect((await stat(path)).mode & 0o777).to.equal(0o600)
    expect((await readFile(path)).equals(data)).to.equal(true)
    expect(served.left()).to.equal(1)
  })

  it('resumes where it broke, with the same version only', async () => {
    const broken = await download({ served: server({ breakAfter: 3 }) })
    expect(broken.failure?.reason).to.equal('UNREACHABLE')
    expect(broken.kept).to.equal(3000)
    expect(await readdir(folder)).to.deep.equal(['film.partial', 'film.partial.state'])
    for (const name of await readdir(folder)) expect((await stat(join(folder, name))).mode & 0o777).to.equal(0o600)
    const state = await readFile(`${path}.partial.state`, 'utf8')
    expect(state)
      .to.include(record.keyId.toString('hex'))
      .and.not.to.match(/alice|"film|rvk1/)
    const served = server()
    const { failure, sha256 } = await download({ served, resume: true })
    expect(failure).to.equal(undefined)
    expect(served.asked).to.deep.equal([
      { record: { ...request, expectKeyId: record.keyId }, offset: 3000n, length: 0n },
    ])
    expect(sha256).to.equal(createHash('sha256').update(data).digest('hex'))
    expect(await readdir(folder)).to.deep.equal(['film'])
    expect((await readFile(path)).equals(data)).to.equal(true)
  })

  it('refuses the file of an earlier run without --resume', async () => {
    await download({ served: server({ breakAfter: 1 }) })
    expect(await refused({})).to.equal(
      `--out: ${path}.partial exists from an earlier run; --resume continues it, or remove it to start over`,
    )
  })

  it('does not advise --resume where that would be refused', async () => {
    const advice = `remove ${path}.partial to start over`
    await writeFile(`${path}.partial`, 'notes', { mode: 0o600 })
    expect(await refused({})).to.equal(`--out: ${path}.partial has no state file; ${advice}`)
    await writeFile(`${path}.partial.state`, 'notes', { mode: 0o600 })
    const both = `remove it and ${path}.partial to start over`
    expect(await refused({})).to.equal(`--out: ${path}.partial.state is not the state of a download; ${both}`)
    expect(await readFile(`${path}.partial`, 'utf8')).to.equal('notes')
    await rm(`${path}.partial`)
    expect((await download({ served: server({ breakAfter: 1 }) })).kept).to.equal(1000)
    const range = { offset: 1, length: 0 }
    expect(await refused({ range })).to.equal(`--out: ${path}.partial was begun with --offset 0; ${advice}`)
    await rm(`${path}.partial`)
    expect((await download({ range })).failure).to.equal(undefined)
  })

  it('gives advice where a folder has the name of its state', async () => {
    await mkdir(`${path}.partial.state`)
    expect(await refused({})).to.equal(`--out: ${path}.partial.state is not a regular file`)
    expect(await readdir(folder)).to.deep.equal(['film.partial.state'])
    await writeFile(`${path}.partial`, data, { mode: 0o600 })
    const both = `remove it and ${path}.partial to start over`
    const said = `--out: ${path}.partial.state is not the state of a download; ${both}`
    for (const resume of [false, true]) expect(await refused({ resume })).to.equal(said)
    for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true })
    expect((await download()).failure).to.equal(undefined)
  })

  it('starts from the beginning if there is nothing to resume', async () => {
    expect((await download({ resume: true })).failure).to.equal(undefined)
  })

  it('leaves no file behind if no byte arrived', async () => {
    for (const served of [server({ error: new VaultError('RECORD_NOT_FOUND') }), server({ breakAfter: 0 })]) {
      expect((await download({ served })).failure?.reason).to.match(/RECORD_NOT_FOUND|UNREACHABLE/)
      expect(await readdir(folder)).to.deep.equal([])
    }
  })

  it('truncates bytes that no state vouches for, as a kill leaves them', async () => {
    await download({ served: server({ breakAfter: 2 }) })
    await appendFile(`${path}.partial`, Buffer.alloc(777))
    const served = server()
    expect((await download({ served, resume: true })).failure).to.equal(undefined)
    expect(served.asked[0]?.offset).to.equal(2000n)
    expect((await readFile(path)).equals(data)).to.equal(true)
  })

  it('refuses an unfinished file that was changed, and leaves it as it is', async () => {
    await download({ served: server({ breakAfter: 2 }) })
    const partial = `${path}.partial`
    const state = await readFile(`${partial}.state`)
    const advice = `remove ${partial} to start over`
    const changes: [() => Promise<void>, string][] = [
      [() => writeFile(partial, Buffer.alloc(2000)), `--out: ${partial} was changed; ${advice}`],
      [() => truncate(partial, 1999), `--out: ${partial} was changed; ${advice}`],
      [() => rm(`${partial}.state`), `--out: ${partial} has no state file; ${advice}`],
      [() => writeFile(`${partial}.state`, 'notes'), `${partial}.state is not the state of a download; remove it and`],
      [
        () => writeFile(`${partial}.state`, Buffer.alloc(5000)),
        `--out: ${partial}.state is not the state of a download`,
      ],
    ]
    for (const [change, message] of changes) {
      await writeFile(partial, data.subarray(0, 2000))
      await writeFile(`${partial}.state`, state)
      await change()
      const before = await readFile(partial)
      expect(await refused({ resume: true })).to.include(message)
      expect((await readFile(partial)).equals(before)).to.equal(true)
    }
  })

  it('does not resume a file that other users may have written', async () => {
    const planted = Buffer.alloc(2000, 'x')
    const state = { key_id: record.keyId.toString('hex'), size_bytes: data.length, version: 3, ...everything }
    const sha256 = createHash('sha256').update(planted).digest('hex')
    const plant = async () => {
      await writeFile(`${path}.partial`, planted, { mode: 0o600 })
      await writeFile(`${path}.partial.state`, JSON.stringify({ ...state, bytes: 2000, sha256 }), { mode: 0o600 })
    }
    const others = [
      (file: string) => chmod(file, 0o622),
      ...(process.getuid?.() === 0 ? [(file: string) => chown(file, 65534, 65534)] : []),
    ]
    for (const giveAway of others) {
      for (const file of ['film.partial', 'film.partial.state']) {
        await plant()
        await giveAway(join(folder, file))
        expect(await refused({ resume: true })).to.match(/^--out: /)
        await rm(join(folder, file)) // a file is written into as it is, whoever has it
      }
    }
    await plant()
    await rename(`${path}.partial.state`, `${path}.elsewhere`)
    await symlink(`${path}.elsewhere`, `${path}.partial.state`)
    expect(await refused({ resume: true })).to.include('film.partial.state is not the state of a download')
    expect(await readdir(folder)).to.not.include('film')
  })

  it('downloads a range, and resumes only that range', async () => {
    const range = { offset: 500, length: 3500 }
    expect((await download({ served: server({ breakAfter: 2 }), range })).kept).to.equal(2000)
    expect(await refused({ resume: true })).to.include('was begun with --offset 500 --length 3500')
    expect(await refused({ resume: true, range: { offset: 500, length: 0 } })).to.include('was begun with --offset 500')
    const served = server()
    expect((await download({ served, range, resume: true })).failure).to.equal(undefined)
    expect(served.asked[0]).to.include({ offset: 2500n, length: 1500n })
    expect((await readFile(path)).equals(data.subarray(500, 4000))).to.equal(true)
  })

  it('asks for no bytes if it has all of a range', async () => {
    const range = { offset: 0, length: 2000 }
    await writeFile(path, 'in the way')
    const sink = await openDownload({ path, replace: true, resume: false, range })
    await sink.begin({ keyId: record.keyId, version: 3, sizeBytes: data.length })
    await sink.append(data.subarray(0, 2000))
    expect(await sink.close()).to.equal(2000)
    const served = server()
    expect((await download({ served, range, resume: true, replace: true })).failure).to.equal(undefined)
    expect(served.left()).to.equal(0) // the bytes after the range were never asked for
    expect((await readFile(path)).equals(data.subarray(0, 2000))).to.equal(true)
  })

  it('starts over after a kill between link and unlink, and leaves the finished file whole', async () => {
    await download({ served: server({ breakAfter: 3 }) })
    const state = await readFile(`${path}.partial.state`)
    await download({ resume: true })
    await link(path, `${path}.partial`)
    await writeFile(`${path}.partial.state`, state)
    expect(await refused({ resume: true })).to.equal(`--out: ${path} exists; --force replaces it`)
    expect((await download({ served: server({ breakAfter: 1 }), resume: true, replace: true })).failure).to.not.equal(
      undefined,
    )
    expect((await readFile(path)).equals(data)).to.equal(true)
    expect((await download({ resume: true, replace: true })).failure).to.equal(undefined)
    expect(await readdir(folder)).to.deep.equal(['film'])
  })

  it('truncates no file that has a second name', async () => {
    await download({ served: server({ breakAfter: 3 }) })
    const moved = join(folder, 'moved')
    await link(`${path}.partial`, moved)
    const before = await readFile(moved)
    await writeFile(`${path}.partial.state`, (await readFile(`${path}.partial.state`, 'utf8')).replace('3000', '1000'))
    expect((await download({ resume: true })).failure).to.equal(undefined)
    expect((await readFile(moved)).equals(before)).to.equal(true)
    expect((await readFile(path)).equals(data)).to.equal(true)
  })

  it('grows at the given path', async () => {
    const elsewhere = join(folder, 'elsewhere')
    const sink = await openDownload({ path, partial: elsewhere, replace: false, resume: false, range: everything })
    await sink.begin({ keyId: record.keyId, version: 3, sizeBytes: data.length })
    await sink.append(data.subarray(0, 2000))
    await sink.close()
    expect(await readdir(folder)).to.deep.equal(['elsewhere', 'elsewhere.state'])
  })

  it('gives advice when the record was replaced', async () => {
    await download({ served: server({ breakAfter: 2 }) })
    for (const reason of ['PRECONDITION_FAILED', 'RECORD_REPLACED'] as const) {
      const { failure, kept } = await download({ served: server({ error: new VaultError(reason) }), resume: true })
      expect(failure).to.include({ reason })
      expect(failure?.message).to.equal(
        `${path}.partial is a part of another record or version, key id ${'07'.repeat(16)}: ` +
          `if version 3 of this record is kept, add --version 3; else remove ${path}.partial to start over`,
      )
      expect(kept).to.equal(2000)
    }
    const other = await download({ resume: true, expectKeyId: Buffer.alloc(16, 1) })
    expect(other.failure?.message).to.include(
      '--expect-key-id: the unfinished download is of the version with key id 0707',
    )
  })

  it('fails if the record ends early', async () => {
    const { failure } = await download({ served: server({ cut: 1500 }) })
    expect(failure).to.include({ reason: 'INTERNAL', message: 'the server ended after 3500 of 5000 bytes' })
    expect(await readdir(folder)).to.deep.equal(['film.partial', 'film.partial.state'])
  })

  it('fails if the server sends more than requested', async () => {
    const { failure } = await download({ served: server({ cut: -500 }), range: { offset: 0, length: 800 } })
    expect(failure).to.include({ reason: 'INTERNAL', message: 'the server sent more bytes than requested' })
  })

  it('ends when the server makes no progress', async () => {
    const { failure, kept } = await download({ served: server({ breakAfter: 2, stall: true }), stallMs: 500 })
    expect(failure).to.include({ reason: 'DEADLINE_EXCEEDED', message: 'the server made no progress for 0.5 s' })
    expect(kept).to.equal(2000)
  })

  it('replaces only a file, and only with --force', async () => {
    await writeFile(path, 'of somebody else')
    expect(await refused({})).to.equal(`--out: ${path} exists; --force replaces it`)
    expect((await download({ replace: true })).failure).to.equal(undefined)
    expect((await readFile(path)).equals(data)).to.equal(true)
    await rm(path)
    await symlink('/dev/null', `${path}.partial`)
    expect(await refused({ resume: true })).to.include('is not a regular file')
  })

  it('does not replace a file that was created meanwhile, and keeps its bytes', async () => {
    const served = server()
    const sink = await openDownload({ path, replace: false, resume: false, range: everything })
    const limit = { stallMs: 5000, signal: new AbortController().signal }
    await downloadStream(served.client, { request, range: everything, sink, limit, onProgress: () => undefined })
    await writeFile(path, 'of somebody else')
    const appeared = `--out: ${path} was created meanwhile; it was not replaced`
    expect(await sink.publish().catch(({ message }: Error) => message)).to.equal(appeared)
    expect(await sink.close()).to.equal(5000)
    expect(await readFile(path, 'utf8')).to.equal('of somebody else')
    expect((await download({ resume: true, replace: true })).failure).to.equal(undefined)
    expect((await readFile(path)).equals(data)).to.equal(true)
  })

  it('leaves no state beside a file that has its name, even if the sync of the folder fails', async () => {
    const probe = await open(folder)
    const prototype = Object.getPrototypeOf(probe) as typeof probe
    await probe.close()
    const { sync } = prototype
    for (const replace of [true, false]) {
      const sink = await openDownload({ path, replace, resume: false, range: everything })
      const limit = { stallMs: 5000, signal: new AbortController().signal }
      await downloadStream(server().client, { request, range: everything, sink, limit, onProgress: () => undefined })
      prototype.sync = async function failForFolders() {
        if ((await this.stat()).isDirectory()) throw new Error('EIO')
        return sync.call(this)
      }
      try {
        expect(await sink.publish().catch(({ message }: Error) => message)).to.equal('EIO')
      } finally {
        prototype.sync = sync
      }
      expect(await sink.close()).to.equal(0)
      expect(await readdir(folder)).to.deep.equal(['film'])
      expect((await readFile(path)).equals(data)).to.equal(true)
      await rm(path)
    }
  })
})
