import { expect } from 'chai'
import { VaultError } from '../../../src/core/errors.js'
import { type FrontendClient, frontendClient } from '../../../src/frontend/client.js'
import type { DownloadRecordRequest } from '../../../src/gen/encserver/v1/frontend.js'
import { reasonOf, refusal, until } from '../refusal.js'
import { cut, downloadRequest, MiB, seeded, sha256, upload } from '../transfers.js'
import { openWire, type Wire } from '../wire.js'
import { call, type FrontEnd, openWorld, type World } from '../world.js'

const userId = 'alice'
const data = seeded(3 * MiB + 12_345)

async function collect(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}

describe('the typed client of transfers', () => {
  let world: World
  let frontEnd: FrontEnd
  let wire: Wire
  let client: FrontendClient
  const open: (() => unknown)[] = []
  before(async () => {
    world = await openWorld()
    frontEnd = world.frontEnd()
    wire = await openWire(frontEnd)
    client = frontendClient({ address: wire.address })
  })
  after(async () => {
    for (const close of open.reverse()) await close()
    client.close()
    await wire.close()
    await world.close()
  })

  /** A client of a front end whose downloads do something else first. */
  async function clientOf(download: FrontEnd['service']['downloadRecord']): Promise<FrontendClient> {
    const other = await openWire({ service: { ...frontEnd.service, downloadRecord: download } })
    const connected = frontendClient({ address: other.address })
    open.push(other.close, connected.close)
    return connected
  }

  for (const [what, source] of Object.entries({
    'a list of pieces of all sizes': () => cut(data, 1, 70_000, 2 * MiB, 5),
    'one large piece': () => [new Uint8Array(data)],
    'a stream': async function* () {
      yield* cut(data, 64 * 1024)
    },
  })) {
    it(`uploads ${what}, and downloads it again`, async () => {
      const { recordKey, keyId } = await client.uploadRecord({ userId, recordName: 'r' }, source())
      const { record, chunks } = await client.downloadRecord({ record: { userId, recordName: 'r', recordKey } })
      expect(record).to.deep.include({ recordName: 'r', sizeBytes: BigInt(data.length), keyId })
      expect((await collect(chunks)).equals(data)).to.equal(true)
    })
  }

  it('uploads nothing at all, too', async () => {
    const { recordKey } = await client.uploadRecord({ userId, recordName: 'empty' }, [])
    const { record, chunks } = await client.downloadRecord({ record: { userId, recordName: 'empty', recordKey } })
    expect([record.sizeBytes, (await collect(chunks)).length]).to.deep.equal([0n, 0])
  })

  it('sends the SHA-256 of its source', async () => {
    let hash: Buffer | undefined
    const seeing = await openWire({
      service: {
        ...frontEnd.service,
        async uploadRecord(requests) {
          for await (const { part } of requests) if (part?.$case === 'finish') hash = part.value.sha256
          return { recordKey: '', version: 1n, keyId: Buffer.alloc(16), storeTime: undefined }
        },
      },
    })
    const connected = frontendClient({ address: seeing.address })
    open.push(seeing.close, connected.close)
    await connected.uploadRecord({ userId }, cut(data, 100_000))
    expect(hash).to.deep.equal(sha256(data))
  })

  it('rejects with the error of its source, and stores nothing', async () => {
    const mine = new Error('the disk is gone')
    async function* broken() {
      yield data
      throw mine
    }
    const thrown = await client.uploadRecord({ userId: 'broken' }, broken()).catch((error: unknown) => error)
    expect(thrown).to.equal(mine)
    expect((await client.listRecords({ userId: 'broken' })).records).to.deep.equal([])
  })

  it('refuses other values than bytes, text that is not well formed and invalid ranges', async () => {
    expect(await reasonOf(client.uploadRecord({ userId }, ['text'] as never))).to.equal('INVALID_REQUEST')
    expect(await reasonOf(client.uploadRecord({ userId: '\ud800' }, []))).to.equal('INVALID_REQUEST')
    expect(await reasonOf(client.downloadRecord({ record: { userId: '\ud800' } }))).to.equal('INVALID_REQUEST')
    const error = await refusal(client.downloadRecord({ record: { userId }, offset: -1n }))
    expect(error.fields[0]?.field).to.equal('offset')
  })

  it('downloads a range', async () => {
    const { recordKey } = await upload(frontEnd, { userId, recordName: 'range' }, data)
    const request = { record: { userId, recordName: 'range', recordKey }, offset: 1_000_000n, length: 100_001n }
    const { chunks } = await client.downloadRecord(request)
    expect((await collect(chunks)).equals(data.subarray(1_000_000, 1_100_001))).to.equal(true)
  })

  it('rejects with the reason when there is no header', async () => {
    expect(await reasonOf(client.downloadRecord({ record: { userId: 'nobody' } }))).to.equal('RECORD_NOT_FOUND')
  })

  it('that leaves the loop, or does not begin it, ends the call', async () => {
    let ended = 0
    const observed = await clientOf(async function* (request, context) {
      try {
        yield* frontEnd.service.downloadRecord(request, context)
      } finally {
        ended += 1
      }
    })
    const { recordKey } = await upload(frontEnd, { userId, recordName: 'left' }, seeded(20 * MiB))
    const record = { userId, recordName: 'left', recordKey }
    const left = await observed.downloadRecord({ record })
    for await (const _ of left.chunks) break
    await until(() => ended === 1)
    const unread = await observed.downloadRecord({ record })
    await unread.chunks.return()
    await until(() => ended === 2)
  })

  describe('whose connection breaks', () => {
    const asked: DownloadRecordRequest[] = []
    /** Ends each of the first so many streams after some bytes. */
    const breaking = (breaks: number, afterBytes: number) => {
      asked.length = 0
      return clientOf(async function* (request, context) {
        asked.push(request)
        let sent = 0
        for await (const response of frontEnd.service.downloadRecord(request, context)) {
          if (response.part?.$case === 'chunk') sent += response.part.value.length
          if (asked.length <= breaks && sent > afterBytes) throw new VaultError('UNREACHABLE')
          yield response
        }
      })
    }
    let recordKey: string
    let keyId: Buffer
    const record = () => ({ userId, recordName: 'resumed', recordKey })
    beforeEach(async () => {
      ;({ recordKey, keyId } = await upload(frontEnd, { userId, recordName: 'resumed' }, data))
    })

    it('resumes after the last good byte, under the key id of the first header', async () => {
      const { chunks } = await (await breaking(3, MiB - 1)).downloadRecord({ record: record() })
      expect((await collect(chunks)).equals(data)).to.equal(true)
      expect(asked).to.have.length(4)
      const resumed = asked.slice(1)
      expect(asked[0]).to.deep.include({ offset: 0n, length: 0n })
      expect(resumed[0]!.offset > 0n).to.equal(true)
      for (const { record: named, offset, length } of resumed) {
        expect(named?.expectKeyId).to.deep.equal(keyId)
        expect(offset + length).to.equal(BigInt(data.length))
      }
    })

    it('resumes a range within the range', async () => {
      const range = { record: record(), offset: 1000n, length: 2_500_000n }
      const { chunks } = await (await breaking(2, 0)).downloadRecord(range)
      expect((await collect(chunks)).equals(data.subarray(1000, 2_501_000))).to.equal(true)
      for (const { offset, length } of asked) expect(offset + length).to.equal(2_501_000n)
    })

    it('before the header came begins again', async () => {
      const { chunks } = await (await breaking(2, -1)).downloadRecord({ record: record() })
      expect((await collect(chunks)).equals(data)).to.equal(true)
      expect(asked).to.have.length(3)
    })

    it('after the last byte has all there is', async () => {
      asked.length = 0
      const cutAtEnd = await clientOf(async function* (request, context) {
        asked.push(request)
        yield* frontEnd.service.downloadRecord(request, context)
        throw new VaultError('UNREACHABLE')
      })
      const { chunks } = await cutAtEnd.downloadRecord({ record: record() })
      expect((await collect(chunks)).equals(data)).to.equal(true)
      expect(asked).to.have.length(1)
    })

    for (const [what, change] of Object.entries({
      replaced: () => upload(frontEnd, { userId, recordName: 'resumed' }, data),
      deleted: () => frontEnd.delete({ userId, recordName: 'resumed' }),
    })) {
      it(`is told when the record was ${what} meanwhile`, async () => {
        const { chunks } = await (await breaking(1, MiB)).downloadRecord({ record: record() })
        await change()
        expect(await reasonOf(collect(chunks))).to.equal('RECORD_REPLACED')
      })
    }

    it('gives up when nothing comes any more', async () => {
      const { chunks } = await (await breaking(1000, MiB)).downloadRecord({ record: record() })
      // A break after each MiB is progress; from its end on there is none.
      expect((await collect(chunks)).equals(data)).to.equal(true)
      const dead = await breaking(1000, -1)
      expect(await reasonOf(dead.downloadRecord({ record: record() }, { timeoutMs: 100_000 }))).to.equal('UNREACHABLE')
      expect(asked).to.have.length(12)
    })

    it('ends with its caller while it waits', async () => {
      const leaving = new AbortController()
      const dead = await breaking(1000, -1)
      const ended = reasonOf(dead.downloadRecord({ record: record() }, { signal: leaving.signal }))
      await until(() => asked.length > 1)
      leaving.abort()
      expect(await ended).to.equal('CANCELLED')
    })
  })

  it('a front end that would cut a download short is found out', async () => {
    const { recordKey } = await upload(frontEnd, { userId, recordName: 'short' }, data)
    const short = await clientOf(async function* (request, context) {
      let sent = 0
      for await (const response of frontEnd.service.downloadRecord(request, context)) {
        if (sent === 5) return
        sent += 1
        yield response
      }
    })
    const { chunks } = await short.downloadRecord({ record: { userId, recordName: 'short', recordKey } })
    expect(await reasonOf(collect(chunks))).to.equal('INTERNAL')
  })

  it('speaks to a front end in this process in the same way', async () => {
    const { recordKey } = await upload(frontEnd, { userId, recordName: 'near' }, data)
    const request = downloadRequest({ userId, recordName: 'near', recordKey })
    let bytes = 0
    for await (const { part } of frontEnd.service.downloadRecord(request, call)) {
      if (part?.$case === 'chunk') bytes += part.value.length
    }
    expect(bytes).to.equal(data.length)
  })
})
