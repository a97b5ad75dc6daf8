// An upload's source, its stall timeout and its retries, against a stub of the server.
import { createHash } from 'node:crypto'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { uploadWithRetry, uploadWithTimeout } from '../../../src/cli/transfer/upload.js'
import { openUploadSource } from '../../../src/cli/transfer/upload-source.js'
import { VaultError } from '../../../src/core/errors.js'
import type { FrontendClient } from '../../../src/frontend/client.js'
import { fakeTerminal } from '../fake-terminal.js'

const request = { userId: 'alice' }
const signal = new AbortController().signal

type Take = (chunks: AsyncIterable<Uint8Array>, options: { signal?: AbortSignal }) => Promise<void>

function server(take: Take) {
  const tries: Buffer[] = []
  const uploadRecord = async (_: unknown, chunks: AsyncIterable<Uint8Array>, options: { signal?: AbortSignal }) => {
    const got: Uint8Array[] = []
    async function* noted() {
      for await (const chunk of chunks) {
        got.push(chunk)
        yield chunk
      }
    }
    await take(noted(), options).finally(() => tries.push(Buffer.concat(got)))
    return { recordKey: 'rvk1_', version: 1n, keyId: Buffer.alloc(16), storeTime: new Date(0) }
  }
  return { client: { uploadRecord } as unknown as FrontendClient, tries }
}

const takeAll: Take = async (chunks) => {
  for await (const _ of chunks);
}

describe('upload', () => {
  let folder: string
  let path: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'enc-server-upload-'))
    path = join(folder, 'film')
  })

  afterEach(() => rm(folder, { recursive: true }))

  const sessionOf = (stdin?: Readable) => ({ terminal: fakeTerminal(['feclient'], stdin ? { stdin } : {}), signal })
  const open = (stdin?: Readable) => openUploadSource(stdin ? '-' : path, sessionOf(stdin))

  async function send(served: ReturnType<typeof server>, { stdin, stallMs = 5000 }: Sending = {}) {
    const source = await open(stdin)
    try {
      await uploadWithTimeout(served.client, { request, source, onProgress: () => undefined }, { stallMs, signal })
    } finally {
      await source.close()
    }
    return { bytes: source.bytes, sha256: source.sha256(), totalBytes: source.totalBytes }
  }

  interface Sending {
    stdin?: Readable
    stallMs?: number
  }

  const failureOf = (work: Promise<unknown>) =>
    work.then(
      () => expect.fail('it was sent'),
      (error: VaultError) => error,
    )

  it('sends a file and its size, in chunks that fit a message', async () => {
    const data = Buffer.alloc(2_500_000, 'film')
    await writeFile(path, data)
    const sizes: number[] = []
    const served = server(async (chunks) => {
      for await (const chunk of chunks) sizes.push(chunk.length)
    })
    const sha256 = createHash('sha256').update(data).digest('hex')
    expect(await send(served)).to.deep.equal({ bytes: data.length, sha256, totalBytes: data.length })
    expect(served.tries[0]?.equals(data)).to.equal(true)
    expect(sizes).to.deep.equal([1_048_576, 1_048_576, 402_848])
  })

  it('sends a source of unknown size, and an empty one', async () => {
    const served = server(takeAll)
    const stdin = Readable.from([Buffer.alloc(3_000_000, 1), Buffer.from('end')])
    expect(await send(served, { stdin })).to.include({ bytes: 3_000_003, totalBytes: undefined })
    await writeFile(path, '')
    expect(await send(served)).to.include({ bytes: 0, totalBytes: 0 })
  })

  it('refuses a path that is no file, before anything is sent', async () => {
    path = folder
    const folderText = `--in: ${folder} is a folder; \`feclient import\` stores the files of one`
    expect((await failureOf(open())).message).to.equal(folderText)
    path = '/dev/null'
    expect((await failureOf(open())).message).to.equal('--in: /dev/null is not a regular file; - reads standard input')
    path = join(folder, 'absent')
    expect((await failureOf(open())).message).to.include('ENOENT')
  })

  it('fails for a file that changes meanwhile', async () => {
    await writeFile(path, Buffer.alloc(2_000_000))
    let finished = false
    const served = server(async (chunks) => {
      for await (const _ of chunks) await appendFile(path, 'more')
      finished = true
    })
    expect((await failureOf(send(served))).message).to.equal(
      `--in: ${path} changed while it was read; nothing is stored`,
    )
    expect(finished).to.equal(false)
  })

  it('ends when the server makes no progress, before or after the last byte', async () => {
    await writeFile(path, Buffer.alloc(2_000_000))
    const untilAborted = (aborting: AbortSignal | undefined) =>
      new Promise<void>((_, reject) => aborting?.addEventListener('abort', () => reject(aborting.reason)))
    const silent: Take[] = [
      (_, options) => untilAborted(options.signal),
      async (chunks, options) => {
        for await (const _ of chunks) await untilAborted(options.signal)
      },
      async (chunks, options) => {
        await takeAll(chunks, options)
        await untilAborted(options.signal)
      },
    ]
    const stalled = 'the server made no progress for 0.3 s'
    const words = [stalled, stalled, `${stalled}; the record may have been stored`]
    for (const [at, take] of silent.entries()) {
      const error = await failureOf(send(server(take), { stallMs: 300 }))
      expect(error).to.include({ reason: 'DEADLINE_EXCEEDED', message: words[at] })
    }
  })

  it('waits for a slow source without a timeout', async () => {
    async function* slowly() {
      for (const text of ['a', 'b', 'c']) {
        await sleep(600)
        yield Buffer.from(text)
      }
    }
    const sent = await send(server(takeAll), { stdin: Readable.from(slowly()), stallMs: 500 })
    expect(sent.bytes).to.equal(3)
  })

  describe('of a file among many', () => {
    async function withRetry(served: ReturnType<typeof server>) {
      await writeFile(path, 'the data')
      const waits: string[] = []
      const onWaiting = ({ reason }: VaultError) => void waits.push(reason)
      const upload = { request, open: () => open(), onProgress: () => undefined, onWaiting }
      const { version } = await uploadWithRetry(served.client, upload, { stallMs: 5_000, signal })
      return { version, waits }
    }

    it('is sent again from its start after a transient error', async () => {
      let tries = 0
      const served = server(async (chunks, options) => {
        tries += 1
        await takeAll(chunks, options)
        if (tries < 3) throw new VaultError(tries === 1 ? 'UNREACHABLE' : 'OVERLOADED')
      })
      expect(await withRetry(served)).to.deep.equal({ version: 1n, waits: ['OVERLOADED'] })
      expect(served.tries.map(String)).to.deep.equal(['the data', 'the data', 'the data'])
    })

    it('is not retried after any other error', async () => {
      const served = server(() => Promise.reject(new VaultError('INVALID_REQUEST')))
      expect(await failureOf(withRetry(served))).to.include({ reason: 'INVALID_REQUEST' })
      expect(served.tries).to.have.length(1)
    })
  })
})
