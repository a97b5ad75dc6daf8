import { utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { openFilePartStore } from '../../../src/backend/engines/files/part-store.js'
import { defaultPartLimits } from '../../../src/backend/store/part-limits.js'
import type { PartSet, PartStore } from '../../../src/backend/store/part-store.js'
import { type PartSweep, type PartSweepOptions, partSweep } from '../../../src/backend/sweep/part-sweep.js'
import { VaultError } from '../../../src/core/errors.js'
import { call, sampleSet, type TempFolder, tempFolder, until } from '../samples.js'

const hourMs = 3_600_000
const minuteMs = 60_000

describe('part sweep', () => {
  let folder: TempFolder
  let parts: PartStore
  let sweep: PartSweep
  let nowMs: number
  let inUse: Set<string>
  let failures: unknown[]
  let removals: number[]

  const nameOf = ({ recordId, setId }: PartSet) => `${recordId.toString('hex')}${setId.toString('hex')}`

  function open(changes: Partial<PartSweepOptions> = {}): PartSweep {
    return partSweep({
      parts,
      refersTo: async (set) => inUse.has(nameOf(set)),
      now: () => new Date(nowMs),
      limits: defaultPartLimits,
      onError: (error) => failures.push(error),
      onRemoved: (sets) => removals.push(sets),
      ...changes,
    })
  }

  beforeEach(async () => {
    folder = await tempFolder()
    parts = await openFilePartStore(folder.path)
    nowMs = Date.now()
    inUse = new Set()
    failures = []
    removals = []
    sweep = open()
  })
  afterEach(async () => {
    await sweep.stop()
    await parts.close()
    await folder.remove()
  })

  function folderOf({ recordId, setId }: PartSet): string {
    const halves = [recordId.subarray(0, 36), recordId.subarray(36)].map((half) => half.toString('base64url'))
    return join(folder.path, ...halves, setId.toString('hex'))
  }

  /** A part set whose newest part is that old. */
  async function setOf(ageMs = 0, used = false): Promise<PartSet> {
    const set = sampleSet()
    for (const partNumber of [0, 1]) await parts.put({ ...set, partNumber, data: Buffer.of(partNumber) }, call)
    const written = new Date(nowMs - ageMs)
    await utimes(folderOf(set), written, written)
    if (used) inUse.add(nameOf(set))
    return set
  }

  const isThere = async (set: PartSet) => (await parts.state(set, call)) !== undefined

  async function pass(ms: number): Promise<void> {
    nowMs += ms
    await sweep.round()
  }

  describe('of released sets', () => {
    it('removes them after an hour, and not earlier', async () => {
      const set = await setOf()
      sweep.release(set)
      await pass(0)
      await pass(hourMs - 1)
      expect(await isThere(set)).to.equal(true)
      await pass(1)
      expect(await isThere(set)).to.equal(false)
      expect(removals).to.deep.equal([1])
    })

    it('keeps a set that something refers to after all, and forgets its release', async () => {
      const set = await setOf()
      inUse.add(nameOf(set))
      sweep.release(set)
      await pass(hourMs)
      inUse.clear()
      await pass(hourMs)
      expect(await isThere(set)).to.equal(true)
    })

    it('retries a removal that failed, and continues with the others', async () => {
      const [stuck, free] = [await setOf(), await setOf()]
      let broken = true
      sweep = open({
        parts: {
          ...parts,
          remove: (set, context) =>
            broken && set.setId.equals(stuck.setId)
              ? Promise.reject(new VaultError('STORE_UNAVAILABLE'))
              : parts.remove(set, context),
        },
      })
      for (const set of [stuck, free]) sweep.release(set)
      await pass(hourMs)
      expect([await isThere(stuck), await isThere(free)]).to.deep.equal([true, false])
      expect(failures).to.have.length(1)
      broken = false
      await pass(minuteMs)
      expect(await isThere(stuck)).to.equal(false)
    })
  })

  it('passes sets whose record cannot be read, and reports them', async () => {
    const damaged = new Set<string>()
    for (let count = 0; count < 20; count += 1) damaged.add(nameOf(await setOf(25 * hourMs)))
    const refersTo = async (set: PartSet) => {
      if (damaged.has(nameOf(set))) throw new VaultError('RECORD_CORRUPT')
      return false
    }
    sweep = open({ refersTo })
    await pass(0)
    expect(failures).to.have.length(20)
    const free = await Promise.all(Array.from({ length: 20 }, () => setOf(25 * hourMs)))
    await pass(0)
    await pass(hourMs)
    expect(await Promise.all(free.map(isThere))).to.deep.equal(free.map(() => false))
  })

  describe('of other sets', () => {
    it('removes those that are a day old and stay without a record for an hour', async () => {
      const set = await setOf(24 * hourMs)
      await pass(0)
      await pass(hourMs - 1)
      expect(await isThere(set)).to.equal(true)
      await pass(1)
      expect(await isThere(set)).to.equal(false)
    })

    it('keeps those of uploads under way, in every round', async () => {
      const set = await setOf()
      for (let hour = 0; hour < 23; hour += 1) await pass(hourMs)
      expect(await isThere(set)).to.equal(true)
      await pass(hourMs) // a day old: from now on the hour counts
      expect(await isThere(set)).to.equal(true)
      await pass(hourMs)
      expect(await isThere(set)).to.equal(false)
    })

    it('counts the age from the newest part', async () => {
      const set = await setOf(30 * hourMs)
      await parts.put({ ...set, partNumber: 2, data: Buffer.of(2) }, call)
      await pass(0)
      await pass(2 * hourMs)
      expect(await isThere(set)).to.equal(true)
    })

    it('never removes the parts of a record, however old', async () => {
      const set = await setOf(1000 * hourMs, true)
      for (let hour = 0; hour < 5; hour += 1) await pass(hourMs)
      expect(await isThere(set)).to.equal(true)
    })

    it('waits the whole hour after a replacement by another process', async () => {
      const set = await setOf(1000 * hourMs, true)
      await pass(hourMs)
      inUse.clear()
      await pass(minuteMs)
      await pass(hourMs - 1)
      expect(await isThere(set)).to.equal(true)
      await pass(1)
      expect(await isThere(set)).to.equal(false)
    })

    it('starts the hold again after a restart', async () => {
      const set = await setOf(48 * hourMs)
      sweep.release(set)
      await pass(minuteMs)
      sweep = open()
      await pass(hourMs)
      expect(await isThere(set)).to.equal(true)
      await pass(hourMs)
      expect(await isThere(set)).to.equal(false)
    })

    it('removes nothing when the clock has jumped back', async () => {
      const set = await setOf(48 * hourMs)
      await pass(0)
      nowMs -= 72 * hourMs
      await pass(2 * hourMs)
      expect(await isThere(set)).to.equal(true)
    })

    it('looks up the newest part only when it can matter', async () => {
      let asked = 0
      const newest: PartStore['newest'] = (set, within) => {
        asked += 1
        return parts.newest(set, within)
      }
      sweep = open({ parts: { ...parts, newest } })
      const set = await setOf()
      for (let hour = 0; hour < 23; hour += 1) await pass(hourMs)
      expect(asked).to.equal(1)
      await parts.put({ ...set, partNumber: 2, data: Buffer.of(2) }, call)
      await utimes(folderOf(set), new Date(nowMs), new Date(nowMs))
      for (let hour = 0; hour < 23; hour += 1) await pass(hourMs)
      expect(asked).to.equal(2)
      for (let time = 0; time < 6; time += 1) await pass(hourMs / 6)
      expect([asked, await isThere(set)]).to.deep.equal([3, true])
      await pass(hourMs)
      expect([asked, await isThere(set)]).to.deep.equal([4, false])
    })

    it('reaches all of them, with room for a few at a time', async () => {
      sweep = open({ maxPending: 2 })
      const sets = await Promise.all(Array.from({ length: 5 }, () => setOf(48 * hourMs)))
      const left = async () => (await Promise.all(sets.map(isThere))).filter(Boolean).length
      await pass(0)
      const seen = []
      for (let round = 0; round < 6; round += 1) {
        await pass(hourMs)
        seen.push(await left())
      }
      expect(seen.slice(0, 1)).to.deep.equal([3])
      expect(seen.at(-1)).to.equal(0)
    })
  })

  describe('in trouble', () => {
    it('keeps a set in doubt, and continues with the others', async () => {
      const [unknown, abandoned] = [await setOf(48 * hourMs), await setOf(48 * hourMs)]
      const cannotTell = new VaultError('RECORD_CORRUPT')
      sweep = open({
        refersTo: (set) => (set.setId.equals(unknown.setId) ? Promise.reject(cannotTell) : Promise.resolve(false)),
      })
      await pass(0)
      await pass(hourMs)
      expect([await isThere(unknown), await isThere(abandoned)]).to.deep.equal([true, false])
      expect(failures).to.deep.equal([cannotTell, cannotTell])
    })

    it('ends a round in which everything fails, with a bounded number of reports', async () => {
      await Promise.all(Array.from({ length: 40 }, () => setOf()))
      sweep = open({ refersTo: () => Promise.reject(new VaultError('STORE_UNAVAILABLE')) })
      await sweep.round()
      expect(failures).to.have.length(16)
    })

    it('survives a store that cannot be walked', async () => {
      sweep = open({
        parts: {
          ...parts,
          sets: () => ({
            [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new VaultError('STORE_UNAVAILABLE')) }),
          }),
        },
      })
      await sweep.round()
      expect(failures).to.have.length(1)
    })
  })

  describe('by itself', () => {
    it('sweeps again and again until it is stopped', async () => {
      let walks = 0
      const counted: PartStore = {
        ...parts,
        sets(context) {
          walks += 1
          return parts.sets(context)
        },
      }
      sweep = open({ parts: counted, limits: { ...defaultPartLimits, sweepIntervalMs: 5 } })
      sweep.start()
      await until(() => walks >= 3)
      await sweep.stop()
      const atStop = walks
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(walks).to.equal(atStop)
      expect(failures).to.deep.equal([])
    })

    it('stops in the middle of a walk, without an error', async () => {
      await Promise.all(Array.from({ length: 150 }, () => setOf())) // the walk has a pause after 100
      sweep = open({ limits: { ...defaultPartLimits, sweepIntervalMs: 1 } })
      sweep.start()
      await new Promise((resolve) => setTimeout(resolve, 20))
      await sweep.stop()
      expect(failures).to.deep.equal([])
    })
  })
})
