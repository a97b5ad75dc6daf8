import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { encodePageToken } from '../../../src/frontend/read/page-token.js'
import type { RecordInfo } from '../../../src/gen/encserver/v1/frontend.js'
import { answer, macsDuring, reasonOf } from '../refusal.js'
import { type FrontEnd, instead, openWorld, type World } from '../world.js'

const data = Buffer.from('contents')

async function pagesOf(frontEnd: FrontEnd, userId: string, pageSize: number): Promise<RecordInfo[][]> {
  const pages: RecordInfo[][] = []
  let pageToken = ''
  do {
    const page = await frontEnd.list({ userId, pageSize, pageToken })
    expect(page.unreadableCount).to.equal(0)
    pages.push(page.records)
    pageToken = page.nextPageToken
  } while (pageToken !== '')
  return pages
}

describe('a list of records', () => {
  const userId = 'lister'
  let world: World
  let frontEnd: FrontEnd
  before(async () => {
    world = await openWorld()
    frontEnd = world.frontEnd()
    const names = Array.from({ length: 250 }, (_, at) => (at === 0 ? '' : `record-${at}`))
    await Promise.all(
      names.map((recordName, at) =>
        frontEnd.store({ userId, recordName, data: Buffer.alloc(at), keyMode: ((at % 3) + 1) as 1 | 2 | 3 }),
      ),
    )
  })
  after(() => world.close())

  for (const [pageSize, most, count] of [
    [0, 100, 3],
    [1, 1, 250],
    [7, 7, 36],
    [250, 250, 1],
    [1000, 1000, 1],
    [2_000_000_000, 1000, 1],
  ] as const) {
    it(`of 250 names each exactly once, in pages of ${pageSize}`, async () => {
      const pages = await pagesOf(frontEnd, userId, pageSize)
      expect(pages).to.have.length(count)
      for (const page of pages) expect(page.length).to.be.at.most(most)
      const names = pages.flat().map(({ recordName }) => recordName)
      expect(names).to.have.length(250)
      expect(new Set(names)).to.have.property('size', 250)
    })
  }

  it('shows size, mode, version, key id and time of each record', async () => {
    const stored = await frontEnd.store({ userId: 'one', recordName: 'r', data, keyMode: 2 })
    const { records, nextPageToken } = await frontEnd.list({ userId: 'one' })
    const { version, keyId, storeTime } = stored
    const sealed = { expireTime: undefined, attributes: undefined }
    const told = { recordName: 'r', version, keyId, keyMode: 2, sizeBytes: 8n, storeTime, ...sealed }
    expect(records).to.deep.equal([told])
    expect(nextPageToken).to.equal('')
  })

  it('has only the records of its user, and the newest version of each', async () => {
    await frontEnd.store({ userId: 'two', recordName: 'r', data })
    const { keyId } = await frontEnd.store({ userId: 'two', recordName: 'r', data })
    await frontEnd.store({ userId: 'two!', recordName: 'other', data })
    const { records } = await frontEnd.list({ userId: 'two' })
    expect(records.map((record) => [record.recordName, record.keyId])).to.deep.equal([['r', keyId]])
  })

  it('does not show deleted records', async () => {
    for (const recordName of ['stays', 'goes']) await frontEnd.store({ userId: 'three', recordName, data })
    await frontEnd.delete({ userId: 'three', recordName: 'goes' })
    expect((await frontEnd.list({ userId: 'three' })).records.map((r) => r.recordName)).to.deep.equal(['stays'])
  })

  it('refuses a negative page size', async () => {
    expect(await answer(frontEnd.list({ userId, pageSize: -1 }))).to.deep.equal({
      code: 3,
      reason: 'INVALID_REQUEST',
      message: 'page_size: must not be negative',
      fields: [{ field: 'page_size', description: 'must not be negative' }],
      retryAfterMs: undefined,
    })
  })

  describe('with a forged page token', () => {
    const kidOf = ({ vault }: FrontEnd) => vault.keyring.pseudonymKeys[0]!.kid

    it('moves within the records of the own user only', async () => {
      await frontEnd.store({ userId: 'victim', recordName: 'secret name', data })
      const [, row] = await rowOf(frontEnd, 'victim', 'secret name')
      const positions = [row, Buffer.alloc(36), Buffer.alloc(36, 0xff), randomBytes(36)]
      const own = new Set((await pagesOf(frontEnd, userId, 1000)).flat().map(({ recordName }) => recordName))
      for (const recordPseudonym of positions) {
        const pageToken = encodePageToken({ recordPseudonym, userKid: kidOf(frontEnd) })
        const { records } = await frontEnd.list({ userId, pageToken, pageSize: 1000 })
        for (const { recordName } of records) expect(own).to.include(recordName)
      }
    })

    it('with a token of another user shows no other user', async () => {
      for (const recordName of ['a', 'b']) await frontEnd.store({ userId: 'neighbour', recordName, data })
      const { nextPageToken } = await frontEnd.list({ userId: 'neighbour', pageSize: 1 })
      const { records } = await frontEnd.list({ userId, pageToken: nextPageToken, pageSize: 1000 })
      expect(records.map(({ recordName }) => recordName)).not.to.include.members(['a'])
      expect(records.map(({ recordName }) => recordName)).not.to.include.members(['b'])
    })

    it('of a pseudonym key that is not live is refused', async () => {
      const pageToken = encodePageToken({ recordPseudonym: randomBytes(36), userKid: 99 })
      const description = 'is too old: start again with the first page'
      expect((await answer(frontEnd.list({ userId, pageToken }))).fields).to.deep.equal([
        { field: 'page_token', description },
      ])
    })

    it('that is no token is refused', async () => {
      for (const pageToken of ['x', 'AAAA', randomBytes(41).fill(0).toString('base64url')]) {
        expect(await reasonOf(frontEnd.list({ userId, pageToken }))).to.equal('INVALID_REQUEST')
      }
    })
  })

  describe('from a back end that lies', () => {
    const asListed = (change: (page: Page) => Page) =>
      world.frontEnd({
        backend: instead(world.backend, {
          listEnvelopes: async (request, call) => change(await world.backend.listEnvelopes(request, call)),
        }),
      })
    type Page = Awaited<ReturnType<World['backend']['listEnvelopes']>>
    const user = 'lied-to'
    before(async () => {
      for (const recordName of ['a', 'b', 'c']) await frontEnd.store({ userId: user, recordName, data })
      await frontEnd.store({ userId: 'other', recordName: 'o', data })
    })
    const readable = async (liar: FrontEnd) => {
      const { records, unreadableCount } = await liar.list({ userId: user })
      return [records.map(({ recordName }) => recordName).sort(), unreadableCount]
    }

    it('leaves out and counts entries swapped between rows', async () => {
      const liar = asListed(({ records: [one, two, three], ...page }) => ({
        ...page,
        records: [
          { ...one!, entryBox: two!.entryBox, envelope: two!.envelope },
          { ...two!, entryBox: one!.entryBox, envelope: one!.envelope },
          three!,
        ],
      }))
      const [names, unreadable] = await readable(liar)
      expect([(names as string[]).length, unreadable]).to.deep.equal([1, 2])
    })

    it('leaves out and counts entries that are damaged, cut or beside another header', async () => {
      const liar = asListed(({ records: [one, two, three], ...page }) => ({
        ...page,
        records: [
          { ...one!, entryBox: one!.entryBox.map((byte, at) => (at === 100 ? byte ^ 1 : byte)) as Buffer },
          { ...two!, entryBox: two!.entryBox.subarray(0, 20) },
          { ...three!, envelope: one!.envelope },
          { ...three!, envelope: three!.envelope.subarray(0, 30) },
          { ...three!, recordId: three!.recordId.subarray(0, 50) },
          three!,
        ],
      }))
      const [names, unreadable] = await readable(liar)
      expect([(names as string[]).length, unreadable]).to.deep.equal([1, 5])
    })

    it("counts all under another user's document, and under none", async () => {
      const foreign = await world.userDocument(frontEnd, 'other')
      for (const document of [foreign, undefined, { ...foreign!, userUid: Buffer.alloc(3), generations: [] }]) {
        expect(await readable(asListed((page) => ({ ...page, user: document })))).to.deep.equal([[], 3])
      }
    })

    it("counts another user's rows", async () => {
      const { records } = await world.backend.listEnvelopes(
        { userPseudonyms: frontEnd.vault.ids.users('other'), pageSize: 10, afterRecordId: Buffer.alloc(0) },
        { requestId: 'x', deadline: Number.POSITIVE_INFINITY, signal: new AbortController().signal },
      )
      const liar = asListed((page) => ({ ...page, records: [...page.records, ...records] }))
      expect(await readable(liar)).to.deep.equal([['a', 'b', 'c'], 1])
    })

    it('passes on no position that is none, of another user, or the one that was asked for', async () => {
      const { nextPageToken: pageToken } = await frontEnd.list({ userId: user, pageSize: 1 })
      const [own] = frontEnd.vault.ids.users(user)
      const [other] = frontEnd.vault.ids.users('other')
      const asked = Buffer.from(pageToken, 'base64url').subarray(1, 37)
      const otherKid = Buffer.from(own)
      otherKid.writeUInt32BE(2)
      const positions = [
        Buffer.alloc(71),
        Buffer.concat([own, asked.subarray(1)]),
        Buffer.concat([own, asked, Buffer.of(0)]),
        Buffer.concat([other, asked]),
        Buffer.concat([otherKid, asked]),
        Buffer.concat([own, asked]),
      ]
      for (const nextAfterRecordId of positions) {
        const liar = asListed((page) => ({ ...page, nextAfterRecordId }))
        expect(await reasonOf(liar.list({ userId: user, pageSize: 1, pageToken }))).to.equal('INTERNAL')
      }
    })
  })

  it('opens the user key once for a page, however many records it has', async () => {
    const cold = world.frontEnd()
    const first = await macsDuring(() => cold.list({ userId, pageSize: 1000 }))
    const again = await macsDuring(() => cold.list({ userId, pageSize: 1000 }))
    // Unwrapping a user key: two for its box, one for its bind.
    expect(first - again).to.equal(3)
  })
})

async function rowOf({ vault }: FrontEnd, userId: string, recordName: string): Promise<[Buffer, Buffer]> {
  const [recordId] = vault.ids.records({ userId, recordName })
  return [recordId!.subarray(0, 36), recordId!.subarray(36)]
}
