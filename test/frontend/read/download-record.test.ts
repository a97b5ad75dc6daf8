import { expect } from 'chai'
import fc from 'fast-check'
import { newCall } from '../../../src/core/client/client.js'
import type { CallSignal } from '../../../src/core/concurrency/call-signal.js'
import { VaultError } from '../../../src/core/errors.js'
import { KeyMode } from '../../../src/frontend/client.js'
import type { RetrievePartRequest } from '../../../src/gen/encserver/v1/backend.js'
import { answer, reasonOf, refusal, until } from '../refusal.js'
import { chunk, cut, download, downloadRequest, header, MiB, messages, seeded, upload, uploadOf } from '../transfers.js'
import { call, type FrontEnd, instead, openWorld, type World } from '../world.js'

const size = 3 * MiB + 70_000
const data = seeded(size)
const userId = 'reader'

describe('download', () => {
  let world: World
  let frontEnd: FrontEnd
  let recordKey: string
  let keyId: Buffer
  before(async () => {
    world = await openWorld()
    frontEnd = world.frontEnd()
    const stored = await upload(frontEnd, { userId }, data)
    recordKey = stored.recordKey
    keyId = stored.keyId
  })
  after(() => world.close())

  const ranges: [from: number, length: number][] = [
    [0, 0],
    [0, 1],
    [0, 65_536],
    [1, 65_536],
    [65_535, 2],
    [65_536, 65_536],
    [MiB - 1, 2],
    [MiB, MiB],
    [MiB - 1, MiB + 2],
    [2 * MiB + 5, 0],
    [3 * MiB, 0],
    [size - 1, 1],
    [size - 1, 0],
    [size, 0],
    [0, size],
  ]
  for (const [offset, length] of ranges) {
    it(`of ${length === 0 ? 'all' : length} bytes from ${offset} is those bytes`, async () => {
      const { record, data: back } = await download(frontEnd, { userId, recordKey, offset, length })
      const end = length === 0 ? size : offset + length
      expect(back.equals(data.subarray(offset, end))).to.equal(true)
      expect(record).to.deep.include({ sizeBytes: BigInt(size), keyId, version: 1n })
    })
  }

  for (const [offset, length] of [
    [size + 1, 0],
    [size, 1],
    [size - 1, 2],
    [0, size + 1],
    [2 ** 53, 0],
  ] as const) {
    it(`of ${length} bytes from ${offset} goes past the end, and its error has the size of the record`, async () => {
      expect(await answer(download(frontEnd, { userId, recordKey, offset, length }))).to.deep.equal({
        code: 11,
        reason: 'RANGE_PAST_END',
        message: `the range is past the end: the record has ${size} bytes`,
        fields: [],
        retryAfterMs: undefined,
      })
    })
  }

  it('comes in messages of at most 256 KiB, and few of them', async () => {
    const { pieces } = await download(frontEnd, { userId, recordKey })
    expect(Math.max(...pieces)).to.equal(256 * 1024)
    expect(pieces.length).to.equal(13)
  })

  it('fetches the last chunk first, and then only the chunks of its range', async () => {
    const asked: RetrievePartRequest[] = []
    const seeing = world.frontEnd({
      backend: instead(world.backend, {
        retrievePart(request, context) {
          asked.push(request)
          return world.backend.retrievePart(request, context)
        },
      }),
    })
    await download(seeing, { userId, recordKey, offset: 2 * MiB - 1, length: 65_537 + 1 })
    const sealedChunk = 65_536 + 16
    expect(asked.map(({ partNumber, offset, length }) => [partNumber, offset, length])).to.deep.equal([
      [3, sealedChunk, size - 3 * MiB - 65_536 + 16],
      [1, 15 * sealedChunk, sealedChunk],
      [2, 0, 2 * sealedChunk],
    ])
  })

  it('of a record in one envelope is the same', async () => {
    for (const [length, keyMode] of [
      [0, 1],
      [1, 2],
      [65_536, 3],
      [2 * MiB + 1, 3],
    ] as const) {
      const small = data.subarray(0, length)
      const user = `inline-${length}`
      const stored = await frontEnd.store({ userId: user, data: small, keyMode })
      const { record, data: back } = await download(frontEnd, { userId: user, recordKey: stored.recordKey })
      expect(back.equals(small)).to.equal(true)
      expect(record).to.deep.include({ sizeBytes: BigInt(length), keyId: stored.keyId, keyMode })
      const half = { offset: length >> 1, length: length >> 2 }
      const part = await download(frontEnd, { userId: user, recordKey: stored.recordKey, ...half })
      const end = half.length === 0 ? length : half.offset + half.length
      expect(part.data.equals(small.subarray(half.offset, end))).to.equal(true)
    }
  })

  it('refuses as a retrieve does', async () => {
    const other = (await upload(frontEnd, { userId: 'other' }, data.subarray(0, 10))).recordKey
    const retrieve = (request: Parameters<FrontEnd['retrieve']>[0]) => answer(frontEnd.retrieve(request))
    for (const request of [
      { userId: 'nobody', recordKey },
      { userId, recordKey: other },
      { userId, recordKey, expectKeyId: Buffer.alloc(16) },
      { userId, recordKey: 'rvk1_' },
      { userId: '' },
      { userId, recordKey, expectKeyId: Buffer.alloc(3) },
    ]) {
      expect(await answer(download(frontEnd, request))).to.deep.equal(await retrieve(request))
    }
    const unnamed = { record: undefined, offset: 0n, length: 0n }
    expect(await reasonOf(frontEnd.service.downloadRecord(unnamed, call)[Symbol.asyncIterator]().next())).to.equal(
      'INVALID_REQUEST',
    )
  })

  it('with the expected key id is that version, or none', async () => {
    expect((await download(frontEnd, { userId, recordKey, expectKeyId: keyId })).data.length).to.equal(size)
    const mode = { keyMode: KeyMode.KEY_MODE_SERVER }
    const before = await upload(frontEnd, { userId: 'moving', ...mode }, data)
    await upload(frontEnd, { userId: 'moving', ...mode }, data.subarray(1))
    const stale = download(frontEnd, { userId: 'moving', expectKeyId: before.keyId })
    expect(await reasonOf(stale)).to.equal('PRECONDITION_FAILED')
  })

  it('goes on while its record is replaced, as long as its parts are there', async () => {
    const stored = await upload(frontEnd, { userId: 'replaced' }, data)
    const request = downloadRequest({ userId: 'replaced', recordKey: stored.recordKey })
    const pieces: Buffer[] = []
    for await (const { part } of frontEnd.service.downloadRecord(request, call)) {
      if (part?.$case === 'chunk') pieces.push(part.value)
      if (part?.$case === 'header') await upload(frontEnd, { userId: 'replaced' }, data.subarray(7))
    }
    expect(Buffer.concat(pieces).equals(data)).to.equal(true)
  })

  describe('whose parts are gone', () => {
    const gone = (meanwhile: () => Promise<unknown>) =>
      world.frontEnd({
        backend: instead(world.backend, {
          async retrievePart(request, context) {
            if (request.partNumber !== 2) return world.backend.retrievePart(request, context)
            await meanwhile()
            throw new VaultError('PART_NOT_FOUND')
          },
        }),
      })

    it('fails with RECORD_REPLACED if the record was replaced', async () => {
      const stored = await upload(frontEnd, { userId: 'gone' }, data)
      const replacing = gone(() => upload(frontEnd, { userId: 'gone' }, data))
      expect(await reasonOf(download(replacing, { userId: 'gone', ...stored }))).to.equal('RECORD_REPLACED')
    })

    it('fails with RECORD_REPLACED if the record was deleted', async () => {
      const stored = await upload(frontEnd, { userId: 'deleted' }, data)
      const deleting = gone(() => frontEnd.delete({ userId: 'deleted', allowMissing: true }))
      expect(await reasonOf(download(deleting, { userId: 'deleted', ...stored }))).to.equal('RECORD_REPLACED')
    })

    it('fails with RECORD_CORRUPT if the record is still there', async () => {
      const damaged = gone(async () => undefined)
      expect(await reasonOf(download(damaged, { userId, recordKey }))).to.equal('RECORD_CORRUPT')
    })
  })

  it('outlives a back end that is away for a moment', async () => {
    let failures = 4
    const flaky = world.frontEnd({
      backend: instead(world.backend, {
        retrievePart: (request, context) =>
          failures-- > 0 ? Promise.reject(new VaultError('UNREACHABLE')) : world.backend.retrievePart(request, context),
      }),
    })
    expect((await download(flaky, { userId, recordKey })).data.equals(data)).to.equal(true)
  })

  it('that is not read holds the back end back, and when it is left wants nothing more', async () => {
    const large = await upload(frontEnd, { userId: 'large' }, seeded(12 * MiB))
    let asked = 0
    const signals: CallSignal[] = []
    const counting = world.frontEnd({
      backend: instead(world.backend, {
        retrievePart(request, context) {
          asked += 1
          signals.push(context.signal)
          return world.backend.retrievePart(request, context)
        },
      }),
    })
    const pieces = counting.service.downloadRecord(downloadRequest({ userId: 'large', ...large }), call)
    const reading = pieces[Symbol.asyncIterator]()
    await reading.next()
    expect(asked).to.equal(1) // the last chunk
    await reading.next()
    await until(() => asked === 1 + 3)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(asked).to.equal(1 + 3) // the part that is read, and two ahead
    for (let piece = 0; piece < 4; piece += 1) await reading.next()
    await until(() => asked === 1 + 4)
    await reading.return?.()
    expect(signals.slice(1).every(({ aborted }) => aborted)).to.equal(true)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(asked).to.equal(1 + 4)
    expect((await download(frontEnd, { userId: 'large', ...large })).data.length).to.equal(12 * MiB)
  })

  it('gives its room back, however it ends', async () => {
    const narrow = world.frontEnd({ config: { maxTransfers: 1 } })
    const start = () =>
      narrow.service.downloadRecord(downloadRequest({ userId, recordKey }), call)[Symbol.asyncIterator]()
    const first = start()
    await first.next()
    expect(await reasonOf(start().next())).to.equal('OVERLOADED')
    await first.return?.()
    expect(await reasonOf(download(narrow, { userId: 'nobody', recordKey }))).to.equal('RECORD_NOT_FOUND')
    expect(await reasonOf(download(narrow, { userId, recordKey: 'rvk1_' }))).to.equal('INVALID_REQUEST')
    expect((await download(narrow, { userId, recordKey })).data.length).to.equal(size)
  })

  it('ends with its call', async () => {
    const stuck = world.frontEnd({
      backend: instead(world.backend, {
        retrievePart: (_, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      }),
    })
    const leaving = new AbortController()
    const ended = reasonOf(download(stuck, { userId, recordKey }, newCall({ signal: leaving.signal })))
    await new Promise((resolve) => setTimeout(resolve, 50))
    leaving.abort(new VaultError('CANCELLED'))
    expect(await ended).to.equal('CANCELLED')
  })

  describe('in one message', () => {
    it('is a record in parts that fits', async () => {
      const stored = await upload(frontEnd, { userId: 'fits' }, data.subarray(0, 3 * MiB))
      const { data: back, record } = await frontEnd.retrieve({ userId: 'fits', recordKey: stored.recordKey })
      expect(back.equals(data.subarray(0, 3 * MiB))).to.equal(true)
      expect(record).to.deep.include({ sizeBytes: BigInt(3 * MiB), keyId: stored.keyId })
    })

    it('is none that is a byte larger', async () => {
      const stored = await upload(frontEnd, { userId: 'too-large' }, data.subarray(0, 3 * MiB + 1))
      const refused = await refusal(frontEnd.retrieve({ userId: 'too-large', recordKey: stored.recordKey }))
      expect(refused.reason).to.equal('RECORD_TOO_LARGE')
    })
  })

  it('equals the upload for any pieces of both (property)', async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: MiB }), { minLength: 1, maxLength: 6 })
    const near = fc
      .constantFrom(4096, 65_536, MiB, 2 * MiB)
      .chain((edge) => fc.integer({ min: edge - 3, max: edge + 3 }))
    const sizes = fc.oneof(near, fc.integer({ min: 0, max: 3 * MiB }))
    const fronts = [12, 16, 20].map((chunkLog2) => world.frontEnd({ config: { chunkLog2 } }))
    let run = 0
    const property = fc.asyncProperty(sizes, cuts, fc.nat(), async (bytes, pieces, seed) => {
      const user = `property-${run}`
      const front = fronts[run++ % 3]!
      const contents = seeded(bytes, seed)
      const parts = uploadOf({ userId: user }, cut(contents, ...pieces))
      const { recordKey: key } = await front.service.uploadRecord(messages(parts), call)
      const offset = bytes === 0 ? 0 : seed % bytes
      const length = (seed >>> 3) % (bytes - offset + 1)
      const other = fronts[(run + 1) % 3]! // the chunk size is in the header
      const whole = await download(other, { userId: user, recordKey: key })
      const part = await download(other, { userId: user, recordKey: key, offset, length })
      const end = length === 0 ? bytes : offset + length
      return whole.data.equals(contents) && part.data.equals(contents.subarray(offset, end))
    })
    await fc.assert(property, { numRuns: 60 })
  })

  it('of what came in single bytes is the same', async () => {
    const contents = seeded(5000)
    const parts = [header({ userId: 'bytes' }), ...cut(contents, 1).map(chunk), uploadOf({ userId }, [contents]).at(-1)]
    const stored = await frontEnd.service.uploadRecord(messages(parts), call)
    expect((await download(frontEnd, { userId: 'bytes', ...stored })).data.equals(contents)).to.equal(true)
  })
})
