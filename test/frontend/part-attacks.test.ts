// docs/crypto.md section 15, tests 6 and 7: a back end that lies about parts. The record's keys are right, so whatever it
// does is told as damage, and nothing that was not sealed at that very place is ever released.
import { expect } from 'chai'
import { VaultError } from '../../src/core/errors.js'
import type { RetrievePartRequest, SealedRecord } from '../../src/gen/encserver/v1/backend.js'
import { answerOf } from './refusal.js'
import { rowOf } from './swapped.js'
import { downloadRequest, MiB, seeded, upload } from './transfers.js'
import { call, type FrontEnd, instead, openWorld, type World } from './world.js'

const size = 3 * MiB + 70_000
const data = seeded(size)
const sealedChunk = 65_536 + 16
const corrupt = {
  code: 15,
  reason: 'RECORD_CORRUPT',
  message: 'the stored record is damaged',
  fields: [],
  retryAfterMs: undefined,
}

type Lie = (part: Buffer, request: RetrievePartRequest) => Buffer | Promise<Buffer>

type StoredParts = Pick<RetrievePartRequest, 'recordId' | 'partSetId' | 'keyId'>

describe('a back end that lies about parts', () => {
  let world: World
  let honest: FrontEnd
  let stored: { recordKey: string; keyId: Buffer }
  let older: StoredParts
  let others: StoredParts[]
  before(async () => {
    world = await openWorld()
    honest = world.frontEnd()
    await upload(honest, { userId: 'u', recordName: 'r' }, seeded(size, 2))
    older = await partsOf({ userId: 'u', recordName: 'r' })
    stored = await upload(honest, { userId: 'u', recordName: 'r' }, data)
    others = []
    for (const name of [
      { userId: 'u', recordName: 'other' },
      { userId: 'v', recordName: 'r' },
    ]) {
      await upload(honest, name, data)
      others.push(await partsOf(name))
    }
  })
  after(() => world.close())

  /** Where the parts of a record are. */
  async function partsOf(name: { userId: string; recordName: string }): Promise<StoredParts> {
    const { record } = await rowOf(world, honest, name)
    const { recordId, partSetId, envelope } = record
    return { recordId, partSetId, keyId: envelope.subarray(8, 24) }
  }

  /** What a reader gets before the end, and the error at the end; undefined for none. */
  async function read({ service }: FrontEnd) {
    const pieces: Buffer[] = []
    const request = downloadRequest({ userId: 'u', recordName: 'r', recordKey: stored.recordKey })
    try {
      for await (const { part } of service.downloadRecord(request, call)) {
        if (part?.$case === 'chunk') pieces.push(part.value)
      }
      return { got: Buffer.concat(pieces), error: undefined }
    } catch (error) {
      if (!(error instanceof VaultError)) throw error
      return { got: Buffer.concat(pieces), error: answerOf(error) }
    }
  }

  const lying = (lie: Lie) =>
    world.frontEnd({
      backend: instead(world.backend, {
        async retrievePart(request, context) {
          const { data: part } = await world.backend.retrievePart(request, context)
          return { data: await lie(Buffer.from(part), request) }
        },
      }),
    })
  const asIf = (change: Partial<SealedRecord>) =>
    world.frontEnd({
      backend: instead(world.backend, {
        async retrieveEnvelope(request, context) {
          const { record, user } = await world.backend.retrieveEnvelope(request, context)
          return { record: { ...record!, ...change }, user }
        },
      }),
    })
  /** The same piece of another set or part. */
  const elsewhere = async (request: RetrievePartRequest) => (await world.backend.retrievePart(request, call)).data

  async function expectCorrupt(frontEnd: FrontEnd) {
    const { got, error } = await read(frontEnd)
    expect(error).to.deep.equal(corrupt)
    expect(data.subarray(0, got.length).equals(got)).to.equal(true)
    return got
  }

  it('gets nothing told of it while it is honest', async () => {
    const { got, error } = await read(lying((part) => part))
    expect([got.equals(data), error]).to.deep.equal([true, undefined])
  })

  for (const target of [0, 1, 2, 3]) {
    describe(`part ${target}`, () => {
      const on = (lie: Lie) => lying((part, request) => (request.partNumber === target ? lie(part, request) : part))

      it('cannot be of another record, nor of another user', async () => {
        for (const other of others) await expectCorrupt(on((_, request) => elsewhere({ ...request, ...other })))
      })

      it('cannot be of the version before', async () => {
        await expectCorrupt(on((_, request) => elsewhere({ ...request, ...older })))
      })

      it('cannot be another part of the same record', async () => {
        const whole = target === 3 ? 70_000 + 2 * 16 : MiB + 16 * 16
        for (const partNumber of [0, 1, 2, 3].filter((number) => number !== target)) {
          const splice: Lie = async (part, request) => {
            const foreign = await elsewhere({ ...request, partNumber, offset: 0, length: 0 })
            const from = foreign.subarray(request.offset, request.offset + part.length)
            return Buffer.concat([from, part.subarray(from.length)])
          }
          expect(whole).to.be.above(0)
          await expectCorrupt(on(splice))
        }
      })

      it('cannot be cut, at any chunk or within one, or added to', async () => {
        const cuts = [0, 1, 16, sealedChunk - 1, sealedChunk]
        for (const length of cuts)
          await expectCorrupt(on((part) => part.subarray(0, Math.min(length, part.length - 1))))
        await expectCorrupt(on((part) => part.subarray(0, -1)))
        await expectCorrupt(on((part) => part.subarray(0, -16)))
        await expectCorrupt(on((part) => Buffer.concat([part, Buffer.alloc(1)])))
        await expectCorrupt(on((part) => Buffer.concat([part, part.subarray(0, sealedChunk)])))
      })

      it('cannot have a bit changed, in its first or last chunk, ciphertext or tag', async () => {
        for (const at of [0, 65_535, 65_536, -1, -16, -17]) {
          const flipped: Lie = (part) => {
            const index = at < 0 ? part.length + at : Math.min(at, part.length - 1)
            part[index]! ^= 1
            return part
          }
          await expectCorrupt(on(flipped))
        }
      })

      it('cannot have two chunks swapped, or one repeated', async () => {
        if (target === 3) return
        const chunks = (part: Buffer) =>
          Array.from({ length: 16 }, (_, at) => part.subarray(at * sealedChunk).subarray(0, sealedChunk))
        await expectCorrupt(
          on((part) => {
            const [first, second, ...rest] = chunks(part) as [Buffer, Buffer, ...Buffer[]]
            return Buffer.concat([second, first, ...rest])
          }),
        )
        await expectCorrupt(
          on((part) => {
            const [first, , ...rest] = chunks(part) as [Buffer, Buffer, ...Buffer[]]
            return Buffer.concat([first, first, ...rest])
          }),
        )
      })
    })
  }

  it('ends the stream after what was verified before', async () => {
    const got = await expectCorrupt(
      lying((part, { partNumber }) => (partNumber === 2 ? Buffer.alloc(part.length) : part)),
    )
    expect(got.length).to.equal(2 * MiB)
  })

  it('cannot make the record shorter or longer, at any chunk or within one', async () => {
    const sizes = [
      0,
      1,
      MiB - 1,
      MiB,
      3 * MiB,
      3 * MiB + 65_536,
      3 * MiB + 65_535,
      size - 1,
      size + 1,
      4 * MiB,
      2 ** 40,
    ]
    for (const claimed of sizes) {
      for (const partCount of new Set([4, Math.floor(claimed / MiB) + 1])) {
        if (partCount > 2 ** 20) continue
        const got = await expectCorrupt(asIf({ sizeBytes: BigInt(claimed), partCount }))
        expect(got.length).to.equal(0)
      }
    }
    await expectCorrupt(asIf({ sizeBytes: 2n ** 64n - 1n }))
  })

  it('cannot pass a cut record for a whole one by an envelope with chunks, or by none', async () => {
    const { record } = await rowOf(world, honest, { userId: 'u', recordName: 'r' })
    const first = await elsewhere({
      recordId: record.recordId,
      keyId: stored.keyId,
      partSetId: record.partSetId,
      partNumber: 0,
      offset: 0,
      length: 0,
    })
    for (const body of [
      first,
      first.subarray(0, sealedChunk),
      first.subarray(0, 100),
      Buffer.alloc(16),
      Buffer.alloc(0),
    ]) {
      await expectCorrupt(asIf({ envelope: Buffer.concat([record.envelope, body]), partCount: 0 }))
      if (body.length > 0) await expectCorrupt(asIf({ envelope: Buffer.concat([record.envelope, body]) }))
    }
  })

  it('that has lost a part, and says so in any words, is told by its damage', async () => {
    for (const reason of ['PART_NOT_FOUND', 'RANGE_PAST_END'] as const) {
      const lost = world.frontEnd({
        backend: instead(world.backend, { retrievePart: () => Promise.reject(new VaultError(reason)) }),
      })
      await expectCorrupt(lost)
    }
  })
})
