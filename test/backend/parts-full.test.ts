// A disk that is really full: a small tmpfs, which only root may mount.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { openFilePartStore } from '../../src/backend/engines/files/part-store.js'
import type { PartStore } from '../../src/backend/store/part-store.js'
import { call, sampleSet, type TempFolder, tempFolder } from './samples.js'

function mount(path: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', path], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

describe('parts on a full disk', () => {
  let folder: TempFolder
  let parts: PartStore
  let mounted = false

  before(async function () {
    folder = await tempFolder()
    mounted = mount(folder.path)
    if (!mounted && process.env['CI'] === 'true') throw new Error('cannot mount a tmpfs')
    if (!mounted) this.skip()
    parts = await openFilePartStore(join(folder.path, 'parts'))
  })

  after(async () => {
    await parts?.close()
    if (mounted) execFileSync('umount', [folder.path])
    await folder.remove()
  })

  const unfinished = () => readdir(join(folder.path, 'parts', '.unfinished'))

  it('are refused with STORE_FULL, four at a time; answered parts are whole, and no others are left', async () => {
    const set = sampleSet()
    const data = randomBytes(900_000)
    const numbers = Array.from({ length: 40 }, (_, at) => at)
    const put = (partNumber: number) => parts.put({ ...set, partNumber, data }, call)
    const kept: number[] = []
    for (let at = 0; at < numbers.length; at += 4) {
      const outcomes = await Promise.allSettled(numbers.slice(at, at + 4).map(put))
      for (const [index, outcome] of outcomes.entries()) {
        if (outcome.status === 'fulfilled') kept.push(at + index)
        else expect(outcome.reason).to.include({ reason: 'STORE_FULL', retryAfterMs: 1000 })
      }
    }
    expect(kept.length).to.be.within(4, 9)
    expect(await unfinished()).to.deep.equal([])
    for (const partNumber of numbers) {
      const found = await parts.get({ ...set, partNumber, offset: 0, length: 0 }, call)
      expect(found?.equals(data)).to.equal(kept.includes(partNumber) ? true : undefined)
    }
    await parts.remove(set, call)
    await put(0) // there is room again
    expect(await parts.state(set, call)).to.include({ count: 1 })
  })
})
