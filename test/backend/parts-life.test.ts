// The life of parts under the service and both sweeps: parts that a record refers to stay, all others go.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { expect } from 'chai'
import { openFilePartStore } from '../../src/backend/engines/files/part-store.js'
import { openLevelStore } from '../../src/backend/engines/level/store.js'
import { refersTo } from '../../src/backend/record/versions.js'
import { backendService } from '../../src/backend/service/service.js'
import { defaultPartLimits } from '../../src/backend/store/part-limits.js'
import type { PartStore } from '../../src/backend/store/part-store.js'
import type { Store } from '../../src/backend/store/store.js'
import { sweepPass } from '../../src/backend/sweep/expired-sweep.js'
import { type PartSweep, partSweep } from '../../src/backend/sweep/part-sweep.js'
import { newClock } from '../../src/core/clock.js'
import type { Methods } from '../../src/core/methods.js'
import type { BackendServiceServer, SealedRecord } from '../../src/gen/encserver/v1/backend.js'
import { settableTime } from '../core/settable-time.js'
import {
  call,
  keyId,
  recordIdOf,
  sameKeyId,
  sampleEnvelope,
  sampleRecord,
  sampleUser,
  storeOf,
  type TempFolder,
  tempFolder,
} from './samples.js'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

describe('the life of parts', () => {
  let folder: TempFolder
  let store: Store
  let parts: PartStore
  let service: Methods<BackendServiceServer>
  let time: ReturnType<typeof settableTime>
  let sweepParts: PartSweep
  let sweepRows: () => Promise<void>
  const user = sampleUser()
  const recordId = recordIdOf(user)

  beforeEach(async () => {
    folder = await tempFolder()
    store = await openLevelStore({ folder: folder.path })
    parts = await openFilePartStore(join(folder.path, 'parts'))
    time = settableTime(Date.now())
    start()
  })
  afterEach(async () => {
    await parts.close()
    await store.close()
    await folder.remove()
  })

  /** A restart: all state in memory is lost. */
  function start(): void {
    const clock = newClock(time)
    const failed = (error: unknown) => expect.fail(String(error))
    sweepParts = partSweep({
      parts,
      refersTo: (set, context) => refersTo(store, set, context),
      now: clock.forRemoving,
      limits: defaultPartLimits,
      onError: failed,
    })
    const { release: released } = sweepParts
    service = backendService({ store, parts, clock, onReleased: released, onPruneFailure: failed })
    const pass = sweepPass({ store, clock, onReleased: released, onError: failed })
    sweepRows = () => pass(call)
  }

  /** An attempt of a write under the key id of another one, whose part is stored. */
  async function attemptOf(record: SealedRecord): Promise<SealedRecord> {
    const attempt = { ...sameKeyId(record), partSetId: randomBytes(16) }
    const { partSetId } = attempt
    const part = { recordId, keyId: keyId(record), partSetId, partNumber: 0, data: randomBytes(100) }
    await service.storePart(part, call)
    return attempt
  }
  const commit = async (record: SealedRecord) =>
    (await service.storeEnvelope(storeOf(record, { newUser: user }), call)).result?.$case
  const setsThere = (...records: SealedRecord[]) =>
    Promise.all(records.map(async ({ partSetId: setId }) => Boolean(await parts.state({ recordId, setId }, call))))

  /** Uploads one part and stores its record. */
  async function storeInPart(keepVersions = 0, expireTime?: Date): Promise<SealedRecord> {
    const changes = { recordId, envelope: sampleEnvelope(88), partCount: 1, storeTime: undefined, expireTime }
    const record = sampleRecord(user, changes)
    await service.storePart(
      { recordId, keyId: keyId(record), partSetId: Buffer.alloc(0), partNumber: 0, data: randomBytes(100) },
      call,
    )
    const request = storeOf(record, { newUser: user, keepVersions })
    expect((await service.storeEnvelope(request, call)).result).to.include({ $case: 'stored' })
    return record
  }

  async function pass(ms: number): Promise<void> {
    time.pass(ms)
    await sweepRows()
    await sweepParts.round()
  }

  const there = (...records: SealedRecord[]) =>
    Promise.all(records.map(async (record) => Boolean(await parts.state({ recordId, setId: keyId(record) }, call))))

  it('ends an hour after a replacement', async () => {
    const [first, second] = [await storeInPart(), await storeInPart()]
    await pass(59 * minuteMs)
    expect(await there(first, second)).to.deep.equal([true, true])
    await pass(minuteMs)
    expect(await there(first, second)).to.deep.equal([false, true])
  })

  it('lasts for as long as their version is kept', async () => {
    const records = [await storeInPart(2), await storeInPart(2)]
    for (let day = 0; day < 3; day += 1) await pass(24 * hourMs)
    expect(await there(...records)).to.deep.equal([true, true])
    time.set(Date.now()) // parts are as old as their files
    start()
    records.push(await storeInPart(2))
    await pass(hourMs)
    expect(await there(...records)).to.deep.equal([false, true, true])
  })

  it('ends an hour after a delete, for kept versions too', async () => {
    const records = [await storeInPart(3), await storeInPart(3), await storeInPart(3)]
    await service.deleteEnvelope({ recordIds: [recordId], expectKeyId: Buffer.alloc(0) }, call)
    await pass(59 * minuteMs)
    expect(await there(...records)).to.deep.equal([true, true, true])
    await pass(minuteMs)
    expect(await there(...records)).to.deep.equal([false, false, false])
  })

  it('ends an hour after the sweep of an expired record', async () => {
    const record = await storeInPart(0, new Date(time.wallMs() + hourMs))
    await pass(hourMs)
    expect(await there(record)).to.deep.equal([true])
    await pass(hourMs)
    expect(await there(record)).to.deep.equal([false])
  })

  it('ends later when a restart follows the replacement', async () => {
    const [first, second] = [await storeInPart(), await storeInPart()]
    time.pass(minuteMs) // the files are a moment younger than the clock was when it began
    start()
    for (let hour = 0; hour < 24; hour += 1) await pass(hourMs)
    expect(await there(first, second)).to.deep.equal([true, true])
    await pass(hourMs)
    expect(await there(first, second)).to.deep.equal([false, true])
  })

  it('begins although the clock has jumped ahead, and back', async () => {
    time.set(time.wallMs() + 1000 * hourMs)
    await storeInPart()
    time.set(Date.now())
    await storeInPart()
  })

  it('of the attempt that won goes on when the parts of the others under its key id are removed', async () => {
    const sample = sampleRecord(user, { recordId, envelope: sampleEnvelope(88), partCount: 1, storeTime: undefined })
    const attempts = [await attemptOf(sample), await attemptOf(sample), await attemptOf(sample)] as const
    const [late, winner, repeat] = attempts
    expect(await commit(winner)).to.equal('stored')
    expect(await commit(repeat)).to.equal('known')
    time.pass(minuteMs) // the files are a moment younger than the clock was when it began
    for (let hour = 0; hour < 25; hour += 1) await pass(hourMs)
    expect(await setsThere(...attempts)).to.deep.equal([false, true, false])
    expect(await commit(late)).to.equal('known')
    await pass(48 * hourMs)
    expect(await setsThere(winner)).to.deep.equal([true])
  })

  it('of a replaced set ends alone, although the new one is under the same key id', async () => {
    const first = await storeInPart()
    await service.deleteEnvelope({ recordIds: [recordId], expectKeyId: Buffer.alloc(0) }, call)
    const again = await attemptOf(first)
    expect(await commit(again)).to.equal('stored')
    await pass(hourMs)
    expect(await there(first)).to.deep.equal([false])
    expect(await setsThere(again)).to.deep.equal([true])
  })

  it('does not end early when the clock jumps ahead', async () => {
    const first = await storeInPart()
    await storeInPart()
    time.set(time.wallMs() + 1000 * hourMs)
    await pass(59 * minuteMs)
    expect(await there(first)).to.deep.equal([true])
  })
})
