import { expect } from 'chai'
import { readBatcher } from '../../../../src/backend/engines/level/read-batcher.js'
import { VaultError } from '../../../../src/core/errors.js'
import { call, rejection } from '../../samples.js'

const key = (name: string) => Buffer.from(name)

/** A database that records which keys are read together. */
function database(answer: (name: string) => string | undefined = (name) => name.toUpperCase()) {
  const jobs: string[][] = []
  const read = async (keys: Buffer[]) => {
    jobs.push(keys.map(String))
    await new Promise((resolve) => setImmediate(resolve))
    return keys.map((each) => answer(String(each)))
  }
  return { jobs, get: readBatcher(read) }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

function oneATurn(names: string[], ask: (name: string) => Promise<string | undefined>) {
  return names.map(async (name, at) => {
    await turns(at)
    return ask(name)
  })
}

/** A database whose jobs end when the test says so, the oldest first. */
function slowDatabase() {
  const jobs: string[][] = []
  const ends: { resolve: (values: string[]) => void; reject: (error: unknown) => void; values: string[] }[] = []
  const read = (keys: Buffer[]) => {
    jobs.push(keys.map(String))
    return new Promise<string[]>((resolve, reject) => ends.push({ resolve, reject, values: keys.map(String) }))
  }
  const finish = () => {
    const end = ends.shift()
    end?.resolve(end.values)
  }
  return { jobs, get: readBatcher(read), finish, fail: (error: unknown) => ends.shift()?.reject(error) }
}

describe('readBatcher', () => {
  it('reads the keys of one turn in one job, and gives each caller its value', async () => {
    const { jobs, get } = database((name) => (name === 'b' ? undefined : name.toUpperCase()))
    const late = async () => {
      await undefined // a few steps later, in the same turn
      return get(key('d'), call)
    }
    const found = await Promise.all([get(key('a'), call), get(key('b'), call), get(key('a'), call), late()])
    expect(found).to.deep.equal(['A', undefined, 'A', 'D'])
    expect(jobs).to.deep.equal([['a', 'b', 'a', 'd']])
  })

  it('starts up to three jobs at once, and gathers the reads that arrive meanwhile', async () => {
    const { jobs, get, finish } = slowDatabase()
    const reads = oneATurn(['a', 'b', 'c', 'd', 'e'], (name) => get(key(name), call))
    await turns(7)
    expect(jobs).to.deep.equal([['a'], ['b'], ['c']])
    finish()
    expect(await reads[0]).to.equal('a')
    await turns(1)
    expect(jobs).to.deep.equal([['a'], ['b'], ['c'], ['d', 'e']])
    for (let left = 0; left < 3; left += 1) finish()
    expect(await Promise.all(reads)).to.deep.equal(['a', 'b', 'c', 'd', 'e'])
  })

  it('goes on with the waiting reads when a job fails', async () => {
    const { jobs, get, fail, finish } = slowDatabase()
    const reads = oneATurn(['a', 'b', 'c', 'd'], (name) => get(key(name), call))
    const failed = rejection(reads[0] as Promise<string>)
    await turns(6)
    fail(new VaultError('STORE_UNAVAILABLE'))
    expect((await failed).reason).to.equal('STORE_UNAVAILABLE')
    await turns(1)
    expect(jobs).to.deep.equal([['a'], ['b'], ['c'], ['d']])
    for (let left = 0; left < 3; left += 1) finish()
    expect(await Promise.all(reads.slice(1))).to.deep.equal(['b', 'c', 'd'])
  })

  it('drops the reads of calls that ended while they waited', async () => {
    const { jobs, get, finish } = slowDatabase()
    const before = oneATurn(['a', 'b', 'c'], (name) => get(key(name), call))
    await turns(5)
    const late = rejection(get(key('late'), { ...call, deadline: Date.now() + 20 }))
    await new Promise((resolve) => setTimeout(resolve, 25))
    finish()
    expect((await late).reason).to.equal('DEADLINE_EXCEEDED')
    const stays = get(key('d'), call)
    await turns(2)
    expect(jobs).to.deep.equal([['a'], ['b'], ['c'], ['d']])
    for (let left = 0; left < 3; left += 1) finish()
    expect(await Promise.all([...before, stays])).to.deep.equal(['a', 'b', 'c', 'd'])
  })

  it('splits reads that would make one job too long', async () => {
    const { jobs, get } = database()
    const names = Array.from({ length: 76 }, (_, at) => `${at}`)
    expect(await Promise.all(names.map((name) => get(key(name), call)))).to.deep.equal(names)
    expect(jobs.map(({ length }) => length)).to.deep.equal([32, 32, 12])
  })

  it('fails only the reads of the job that failed', async () => {
    let fails = true
    const get = readBatcher(async (keys: Buffer[]) => {
      if (fails) throw new VaultError('STORE_UNAVAILABLE')
      return keys.map(String)
    })
    const [one, other] = await Promise.all([rejection(get(key('a'), call)), rejection(get(key('b'), call))])
    expect([one.reason, other.reason]).to.deep.equal(['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE'])
    fails = false
    expect(await get(key('a'), call)).to.equal('a')
  })

  it('rejects a call that ended before or during its read, and no other', async () => {
    const { jobs, get } = database()
    const over = { ...call, deadline: Date.now() - 1 }
    expect((await rejection(get(key('a'), over))).reason).to.equal('DEADLINE_EXCEEDED')
    expect(jobs).to.deep.equal([])
    const controller = new AbortController()
    const left = rejection(get(key('a'), { ...call, signal: controller.signal }))
    const stays = get(key('b'), call)
    process.nextTick(() => controller.abort(new VaultError('CANCELLED')))
    expect([(await left).reason, await stays]).to.deep.equal(['CANCELLED', 'B'])
  })
})
