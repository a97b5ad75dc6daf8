// The life of a record through both services: kept versions and expiry as the store has them.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import type { KeyMode } from '../../src/frontend/client.js'
import { answer, reasonOf } from './refusal.js'
import { type FrontEnd, openWorld, type World } from './world.js'

const recordName = 'r'
const notFound = { code: 5, reason: 'RECORD_NOT_FOUND', message: 'no such record', fields: [], retryAfterMs: undefined }
const absent = { condition: { $case: 'absent', value: true } } as const

describe('the life of a record', () => {
  let world: World
  let frontEnd: FrontEnd
  before(async () => {
    world = await openWorld()
    frontEnd = world.frontEnd()
  })
  after(() => world.close())

  const stored = (userId: string, contents: string, more: { keepVersions?: number; expireTime?: Date } = {}) =>
    frontEnd.store({ userId, recordName, data: Buffer.from(contents), ...more })
  const numbersOf = async (userId: string) =>
    (await frontEnd.versions({ userId, recordName })).versions.map(({ version }) => version)

  for (const keyMode of [1, 2, 3] as KeyMode[]) {
    it(`keeps the requested number of versions, and restores one, in mode ${keyMode}`, async () => {
      const userId = `keeper-${keyMode}`
      const made = []
      for (const contents of ['one', 'two', 'three', 'four']) {
        const attributes = { contentType: 'text/plain', labels: { contents } }
        const request = { userId, recordName, data: Buffer.from(contents), keyMode, attributes, keepVersions: 3 }
        made.push({ contents, attributes, ...(await frontEnd.store(request)) })
      }
      expect(await numbersOf(userId)).to.deep.equal([4n, 3n, 2n])
      const [gone, ...kept] = made
      for (const { contents, attributes, recordKey, version, keyId } of kept) {
        const { data, record } = await frontEnd.retrieve({ userId, recordName, recordKey, version })
        expect(data.toString()).to.equal(contents)
        expect(record).to.deep.include({ version, keyId, attributes })
      }
      const first = { userId, recordName, recordKey: gone!.recordKey, version: 1n }
      expect(await answer(frontEnd.retrieve(first))).to.deep.equal(notFound)
      const second = { userId, recordName, recordKey: kept[0]!.recordKey, version: 2n }
      const { recordKey, version } = await frontEnd.restore({ ...second, keyMode, keepVersions: 2 })
      expect(version).to.equal(5n)
      expect((await frontEnd.retrieve({ userId, recordName, recordKey })).data.toString()).to.equal('two')
      expect(await numbersOf(userId)).to.deep.equal([5n, 4n])
    })
  }

  it('ends with all its versions when it is deleted', async () => {
    const { recordKey } = await stored('deleter', 'one', { keepVersions: 5 })
    await stored('deleter', 'two', { keepVersions: 5 })
    await frontEnd.delete({ userId: 'deleter', recordName })
    expect(await answer(frontEnd.versions({ userId: 'deleter', recordName }))).to.deep.equal(notFound)
    const again = await stored('deleter', 'new life', { keepVersions: 5 })
    expect(again.version).to.equal(1n)
    const old = frontEnd.retrieve({ userId: 'deleter', recordName, recordKey, version: 1n })
    expect(await reasonOf(old)).to.equal('RECORD_KEY_MISMATCH')
    expect(await numbersOf('deleter')).to.deep.equal([1n])
  })

  it('counts as absent once it has expired, for every call', async () => {
    const userId = 'expirer'
    const { recordKey: first } = await stored(userId, 'one', { keepVersions: 5 })
    const expireTime = new Date(Date.now() + 2_000)
    const { recordKey } = await stored(userId, 'two', { keepVersions: 5, expireTime })
    expect((await frontEnd.retrieve({ userId, recordName, recordKey })).record?.expireTime).to.deep.equal(expireTime)
    expect(
      await reasonOf(frontEnd.store({ userId, recordName, data: Buffer.from('x'), precondition: absent })),
    ).to.equal('ALREADY_EXISTS')
    await sleep(expireTime.getTime() - Date.now() + 20)
    for (const made of [
      frontEnd.retrieve({ userId, recordName, recordKey }),
      frontEnd.retrieve({ userId, recordName, recordKey: first, version: 1n }),
      frontEnd.restore({ userId, recordName, recordKey: first, version: 1n }),
      frontEnd.versions({ userId, recordName }),
      frontEnd.delete({ userId, recordName }),
    ]) {
      expect(await answer(made)).to.deep.equal(notFound)
    }
    expect((await frontEnd.list({ userId })).records).to.deep.equal([])
    expect(
      (await frontEnd.store({ userId, recordName, data: Buffer.from('x'), precondition: absent })).version,
    ).to.equal(1n)
  })
})
