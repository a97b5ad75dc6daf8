import { expect } from 'chai'
import { newCall } from '../../../src/core/client/client.js'
import type { CallSignal } from '../../../src/core/concurrency/call-signal.js'
import { VaultError } from '../../../src/core/errors.js'
import { KeyMode } from '../../../src/frontend/client.js'
import type { StorePartRequest } from '../../../src/gen/encserver/v1/backend.js'
import type { UploadRecordRequest } from '../../../src/gen/encserver/v1/frontend.js'
import { reasonOf, refusal, until } from '../refusal.js'
import {
  chunk,
  cut,
  download,
  finish,
  header,
  MiB,
  messages,
  seeded,
  sha256,
  type UploadPart,
  upload,
  uploadOf,
} from '../transfers.js'
import { call, type FrontEnd, instead, openWorld, type World } from '../world.js'

describe('upload', () => {
  let world: World
  let frontEnd: FrontEnd
  let stored: StorePartRequest[]
  before(async () => {
    world = await openWorld()
  })
  beforeEach(() => {
    stored = []
    frontEnd = world.frontEnd({ backend: watched() })
  })
  after(() => world.close())

  const watched = () =>
    instead(world.backend, {
      async storePart(request, context) {
        stored.push({ ...request, data: Buffer.from(request.data) })
        return world.backend.storePart(request, context)
      },
    })
  const send = (parts: (UploadPart | undefined)[]) => frontEnd.service.uploadRecord(messages(parts), call)
  const isThere = async (userId: string) => (await frontEnd.list({ userId })).records.length > 0
  const rowOf = async (userId: string) => {
    const recordIds = frontEnd.vault.ids.records({ userId, recordName: '' })
    return (await world.backend.retrieveEnvelope({ recordIds, version: 0n }, call)).record!
  }

  for (const [size, parts] of [
    [0, 0],
    [1, 0],
    [MiB - 1, 0],
    [MiB, 2],
    [MiB + 1, 2],
    [2 * MiB - 1, 2],
    [2 * MiB, 3],
    [5 * MiB + 12_345, 6],
  ] as const) {
    it(`of ${size} bytes is ${parts === 0 ? 'inline' : `in ${parts} parts`}, and comes back`, async () => {
      const userId = `size-${size}`
      const data = seeded(size)
      const { recordKey, version, keyId, storeTime } = await upload(frontEnd, { userId }, data)
      expect([version, storeTime instanceof Date]).to.deep.equal([1n, true])
      const row = await rowOf(userId)
      expect([row.partCount, row.sizeBytes]).to.deep.equal([parts, BigInt(size)])
      if (parts > 0) expect(row.envelope.length).to.equal(88)
      expect(stored.map(({ partNumber }) => partNumber)).to.deep.equal([...Array(parts).keys()])
      for (const part of stored) expect(part.keyId).to.deep.equal(keyId)
      const back = await download(frontEnd, { userId, recordKey })
      expect(back.data.equals(data)).to.equal(true)
      expect(back.record).to.deep.include({ sizeBytes: BigInt(size), keyId, version })
    })
  }

  it('holds in every mode, with what was bound and said', async () => {
    for (const keyMode of [KeyMode.KEY_MODE_CLIENT, KeyMode.KEY_MODE_SERVER, KeyMode.KEY_MODE_SPLIT]) {
      const data = seeded(MiB + 5, keyMode)
      const request = { userId: `mode-${keyMode}`, recordName: 'big', callerAad: Buffer.from('bound') }
      const attributes = { contentType: 'image/png', labels: { a: 'b' } }
      const { recordKey } = await upload(frontEnd, { ...request, keyMode, attributes }, data)
      expect(recordKey === '').to.equal(keyMode === KeyMode.KEY_MODE_SERVER)
      const { record, data: back } = await download(frontEnd, { ...request, recordKey })
      expect(back.equals(data)).to.equal(true)
      expect(record).to.deep.include({ keyMode, attributes, recordName: 'big' })
      const other = download(frontEnd, { ...request, callerAad: Buffer.alloc(0), recordKey })
      expect(await reasonOf(other)).to.equal('RECORD_KEY_MISMATCH')
    }
  })

  const data = seeded(MiB + 100)
  const good = uploadOf({ userId: 'refused' }, cut(data, MiB))
  const head = good[0]!
  const chunks = good.slice(1, -1)
  const wrong: Record<string, [string, (UploadPart | undefined)[]]> = {
    'without a header': ['header', chunks],
    'of nothing at all': ['header', []],
    'with two headers': ['header', [head, ...chunks, head]],
    'with data in its header': ['header.data', [header({ userId: 'refused', data: Buffer.alloc(1) })]],
    'without a finish': ['finish', [head, ...chunks]],
    'with something after the finish': ['finish', [...good, chunk(Buffer.alloc(1))]],
    'with two finishes': ['finish', [...good, good.at(-1)]],
    'of another size, one less': ['finish.size_bytes', [head, ...chunks, finish(data.length - 1)]],
    'of another size, one more': ['finish.size_bytes', [head, ...chunks, finish(data.length + 1)]],
    'of which a chunk was lost': ['finish.size_bytes', [head, ...chunks.slice(1), good.at(-1)]],
    'of which two chunks were swapped': ['finish.sha256', [head, ...chunks.slice().reverse(), good.at(-1)]],
    'with a hash of another length': ['finish.sha256', [head, ...chunks, finish(data.length, Buffer.alloc(31))]],
    'with an empty chunk': ['chunk', [head, chunk(Buffer.alloc(0))]],
    'with a chunk above 1 MiB': ['chunk', [head, chunk(Buffer.alloc(MiB + 1))]],
    'with an empty message': ['part', [head, undefined]],
    'for nobody': ['user_id', [header({ userId: '' })]],
    'for a past time': ['expire_time', [header({ userId: 'refused', expireTime: new Date(1000) })]],
  }
  for (const [what, [field, parts]] of Object.entries(wrong)) {
    it(`${what} is refused, and leaves nothing to see`, async () => {
      const error = await refusal(send(parts))
      expect(error.reason).to.equal('INVALID_REQUEST')
      expect(error.fields.map((violation) => violation.field)).to.deep.equal([field])
      expect(await isThere('refused')).to.equal(false)
    })
  }

  it('is right without a hash', async () => {
    const { recordKey } = await send([header({ userId: 'unhashed' }), chunk(data.subarray(0, 9)), finish(9)])
    expect((await download(frontEnd, { userId: 'unhashed', recordKey })).data).to.deep.equal(data.subarray(0, 9))
  })

  it('is refused as soon as it is larger than may be', async () => {
    frontEnd = world.frontEnd({ config: { maxUploadBytes: 1000 } })
    const { recordKey } = await upload(frontEnd, { userId: 'limit' }, seeded(1000))
    expect(recordKey).not.to.equal('')
    let asked = 0
    async function* endless(): AsyncGenerator<UploadPart> {
      yield header({ userId: 'limit' })
      for (; ; asked += 1) yield chunk(Buffer.alloc(400))
    }
    const error = await refusal(frontEnd.service.uploadRecord(messages(endless()), call))
    expect(error).to.include({ reason: 'INVALID_REQUEST', message: 'chunk: makes the record larger than 1000 bytes' })
    expect(asked).to.equal(2)
  })

  it('that breaks off leaves the former record unchanged', async () => {
    const userId = 'overwritten'
    const { recordKey } = await upload(frontEnd, { userId }, data)
    const endings: ((parts: UploadPart[]) => AsyncGenerator<UploadRecordRequest>)[] = [
      async function* (parts) {
        yield* messages(parts)
        throw new VaultError('CANCELLED')
      },
      async function* (parts) {
        yield* messages(parts)
      },
    ]
    for (const ending of endings) {
      const parts = [header({ userId }), ...cut(seeded(6 * MiB, 2), MiB).map(chunk)]
      const reason = await reasonOf(frontEnd.service.uploadRecord(ending(parts), call))
      expect(['CANCELLED', 'INVALID_REQUEST']).to.include(reason)
      expect((await download(frontEnd, { userId, recordKey })).data.equals(data)).to.equal(true)
    }
    expect(stored.length).to.be.above(8)
  })

  it('honours a precondition, when all is sent', async () => {
    const userId = 'conditional'
    const absent = { condition: { $case: 'absent', value: true } as const }
    const { keyId } = await upload(frontEnd, { userId, precondition: absent }, data)
    expect(await reasonOf(upload(frontEnd, { userId, precondition: absent }, data))).to.equal('ALREADY_EXISTS')
    const on = { condition: { $case: 'keyId', value: keyId } as const }
    expect((await upload(frontEnd, { userId, precondition: on }, data)).version).to.equal(2n)
    expect(await reasonOf(upload(frontEnd, { userId, precondition: on }, data))).to.equal('PRECONDITION_FAILED')
  })

  it('is sealed again under the live user key, and its parts are not sent again', async () => {
    const userId = 'new-user-key'
    const stale = world.frontEnd({ backend: watched() })
    let sends = 0
    const racing = world.frontEnd({
      backend: instead(watched(), {
        async storeEnvelope(request, context) {
          sends += 1
          if (sends === 1) await upload(stale, { userId }, seeded(10)) // the user comes to be meanwhile
          return world.backend.storeEnvelope(request, context)
        },
      }),
    })
    const { recordKey, version } = await upload(racing, { userId }, data)
    expect([sends, version, stored.length]).to.deep.equal([2, 2n, 2])
    expect((await download(frontEnd, { userId, recordKey })).data.equals(data)).to.equal(true)
  })

  it('outlives a back end that is away for a moment, at a part and at the end', async () => {
    const away = () => Promise.reject(new VaultError('UNREACHABLE'))
    const failures = { storePart: 3, storeEnvelope: 2 }
    const flaky = world.frontEnd({
      backend: instead(world.backend, {
        storePart: (request, context) =>
          failures.storePart-- > 0 ? away() : world.backend.storePart(request, context),
        storeEnvelope: (request, context) =>
          failures.storeEnvelope-- > 0 ? away() : world.backend.storeEnvelope(request, context),
      }),
    })
    const { recordKey } = await upload(flaky, { userId: 'patient' }, data)
    expect((await download(frontEnd, { userId: 'patient', recordKey })).data.equals(data)).to.equal(true)
  })

  it('fails as soon as the back end refuses a part, even while its sender is silent', async () => {
    const full = world.frontEnd({
      backend: instead(world.backend, { storePart: () => Promise.reject(new VaultError('STORE_FULL')) }),
    })
    async function* stuck(): AsyncGenerator<UploadPart> {
      yield header({ userId: 'stuck' })
      yield chunk(Buffer.alloc(MiB))
      yield chunk(Buffer.alloc(MiB))
      await new Promise(() => undefined)
    }
    expect(await reasonOf(full.service.uploadRecord(messages(stuck()), call))).to.equal('STORE_FULL')
  })

  it('fails with INTERNAL when the back end has other bytes for a new part', async () => {
    const lying = world.frontEnd({
      backend: instead(world.backend, { storePart: () => Promise.reject(new VaultError('ALREADY_EXISTS')) }),
    })
    expect(await reasonOf(upload(lying, { userId: 'taken' }, data))).to.equal('INTERNAL')
  })

  it('is BACKEND_UNAVAILABLE after a part of unknown outcome, as nothing was stored', async () => {
    for (const reason of ['OUTCOME_UNKNOWN', 'STORE_UNAVAILABLE', 'DEADLINE_EXCEEDED'] as const) {
      const failing = world.frontEnd({
        backend: instead(world.backend, { storePart: () => Promise.reject(new VaultError(reason)) }),
      })
      const parts = uploadOf({ userId: 'doubted' }, cut(data, MiB))
      const brief = newCall({ timeoutMs: 1_000 })
      const error = await refusal(failing.service.uploadRecord(messages(parts), brief))
      expect(error).to.include({ reason: 'BACKEND_UNAVAILABLE' })
      expect(error.message).to.contain('nothing was stored')
      expect(await isThere('doubted')).to.equal(false)
    }
  })

  it('ends with its call, and so do its calls of the back end', async () => {
    const signals: CallSignal[] = []
    const slow = world.frontEnd({
      backend: instead(world.backend, {
        storePart: (_, { signal }) =>
          new Promise((_resolve, reject) => {
            signals.push(signal)
            signal.addEventListener('abort', () => reject(signal.reason))
          }),
      }),
    })
    const leaving = new AbortController()
    const ended = reasonOf(
      slow.service.uploadRecord(
        messages(uploadOf({ userId: 'leaving' }, cut(seeded(9 * MiB), MiB))),
        newCall({ signal: leaving.signal }),
      ),
    )
    await until(() => signals.length === 4)
    leaving.abort(new VaultError('CANCELLED'))
    expect(await ended).to.equal('CANCELLED')
    expect(signals.every(({ aborted }) => aborted)).to.equal(true)
  })

  it('has four parts on their way, and reads no further while there is no room', async () => {
    let running = 0
    let most = 0
    let opened = false
    const gates: (() => void)[] = []
    const slow = world.frontEnd({
      backend: instead(world.backend, {
        async storePart(request, context) {
          running += 1
          most = Math.max(most, running)
          if (!opened) await new Promise<void>((resolve) => gates.push(resolve))
          running -= 1
          return world.backend.storePart(request, context)
        },
      }),
    })
    const all = seeded(16 * MiB)
    let sent = 0
    async function* counted(): AsyncGenerator<UploadPart> {
      for (const part of uploadOf({ userId: 'held-back' }, cut(all, 64 * 1024))) {
        if (part.$case === 'chunk') sent += part.value.length
        yield part
      }
    }
    const answer = slow.service.uploadRecord(messages(counted()), call)
    await until(() => running === 4 && sent === 5 * MiB)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect([running, sent]).to.deep.equal([4, 5 * MiB]) // four on their way, and one that waits
    gates.shift()!()
    await until(() => sent === 6 * MiB)
    opened = true
    for (const open of gates) open()
    const { recordKey } = await answer
    expect(most).to.equal(4)
    const back = await download(frontEnd, { userId: 'held-back', recordKey })
    expect(sha256(back.data)).to.deep.equal(sha256(all))
  })

  it('wipes its keys however it ends', async () => {
    const held: Buffer[] = []
    const { random } = frontEnd.vault
    const seeing = world.frontEnd({
      random: {
        fill(memory) {
          if (memory.length === 32) held.push(memory)
          return random.fill(memory)
        },
      },
    })
    await upload(seeing, { userId: 'wiped' }, seeded(10)) // the user's own key stays
    held.length = 0
    await upload(seeing, { userId: 'wiped' }, data)
    const salt = 2 // of the envelope and of the entry: they are no keys
    expect(held.filter((bytes) => bytes.some((byte) => byte !== 0))).to.have.length(salt)
    held.length = 0
    await refusal(seeing.service.uploadRecord(messages([header({ userId: 'wiped' }), ...chunks]), call))
    expect(held.filter((bytes) => bytes.some((byte) => byte !== 0))).to.have.length(1)
    expect(held.length).to.be.above(2)
  })

  it('takes the room of a transfer, and gives it back', async () => {
    const narrow = world.frontEnd({ config: { maxTransfers: 1 } })
    let go = (): void => undefined
    async function* waiting(): AsyncGenerator<UploadPart> {
      yield header({ userId: 'room' })
      await new Promise<void>((resolve) => {
        go = resolve
      })
      yield finish(0)
    }
    const first = narrow.service.uploadRecord(messages(waiting()), call)
    await new Promise((resolve) => setImmediate(resolve))
    const second = await refusal(upload(narrow, { userId: 'room' }, data))
    expect(second).to.include({ reason: 'OVERLOADED', retryAfterMs: 1_000 })
    expect(await reasonOf(download(narrow, { userId: 'room' }))).to.equal('OVERLOADED')
    go()
    await first
    expect((await upload(narrow, { userId: 'room' }, data)).version).to.equal(2n)
  })

  it('takes no room before its header has come, nor for one that is refused', async () => {
    const narrow = world.frontEnd({ config: { maxTransfers: 1 } })
    let speak = (): void => undefined
    async function* silent(): AsyncGenerator<UploadPart> {
      await new Promise<void>((resolve) => {
        speak = resolve
      })
      yield header({ userId: '' })
    }
    const refused = reasonOf(narrow.service.uploadRecord(messages(silent()), call))
    await new Promise((resolve) => setImmediate(resolve))
    expect((await upload(narrow, { userId: 'spoke' }, data)).version).to.equal(1n)
    speak()
    expect(await refused).to.equal('INVALID_REQUEST')
  })
})
