// What a caller may say of a record, and that it comes back from a retrieve and a list, of every mode.
import { expect } from 'chai'
import { RecordAttributes } from '../../../src/gen/encserver/v1/frontend.js'
import { answer } from '../refusal.js'
import { call, type FrontEnd, openWorld, type World } from '../world.js'

const data = Buffer.from('contents')
const invalid = (field: string, description: string) => ({
  code: 3,
  reason: 'INVALID_REQUEST',
  message: `${field}: ${description}`,
  fields: [{ field, description }],
  retryAfterMs: undefined,
})
const labelsOf = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`label-${at}`, 'v']))

describe('the attributes of a record', () => {
  let world: World
  let frontEnd: FrontEnd
  before(async () => {
    world = await openWorld()
    frontEnd = world.frontEnd()
  })
  after(() => world.close())

  const stored = (userId: string, attributes: Partial<RecordAttributes>, keyMode: 1 | 2 | 3 = 3) =>
    frontEnd.store({ userId, data, keyMode, attributes: RecordAttributes.create(attributes) })

  for (const keyMode of [1, 2, 3] as const) {
    it(`come back from a retrieve and from a list, in mode ${keyMode}`, async () => {
      const userId = `mode-${keyMode}`
      const attributes = { contentType: 'text/plain; charset=utf-8', labels: { team: 'röntgen', '': 'empty', '7': '' } }
      const { recordKey } = await stored(userId, attributes, keyMode)
      const { record } = await frontEnd.retrieve({ userId, recordKey })
      expect(record?.attributes).to.deep.equal(attributes)
      const { records, unreadableCount } = await frontEnd.list({ userId })
      expect([records.map((info) => info.attributes), unreadableCount]).to.deep.equal([[attributes], 0])
    })
  }

  it('are none when none were given, or when they say nothing', async () => {
    for (const attributes of [undefined, RecordAttributes.create()]) {
      const { recordKey } = await frontEnd.store({ userId: 'silent', data, attributes })
      expect((await frontEnd.retrieve({ userId: 'silent', recordKey })).record?.attributes).to.equal(undefined)
    }
  })

  it('go with the version: a store without them has none', async () => {
    await stored('again', { contentType: 'image/png' })
    await frontEnd.store({ userId: 'again', data })
    expect((await frontEnd.list({ userId: 'again' })).records[0]?.attributes).to.equal(undefined)
  })

  it('are not seen by the store, which sees how long they are up to 64 bytes only', async () => {
    const rowOf = async (userId: string) => {
      const [pseudonym] = frontEnd.vault.ids.users(userId)
      const request = { userPseudonyms: [pseudonym!], pageSize: 1, afterRecordId: Buffer.alloc(0) }
      const { records } = await world.backend.listEnvelopes(request, call)
      return records[0]!
    }
    await stored('short', { labels: { secret: 'a' } })
    await stored('longer', { labels: { secret: 'abcdefghij' } })
    const [short, longer] = [await rowOf('short'), await rowOf('longer')]
    expect(short.entryBox.length).to.equal(longer.entryBox.length)
    for (const { entryBox, envelope } of [short, longer]) {
      expect(Buffer.concat([entryBox, envelope]).includes('secret')).to.equal(false)
    }
  })

  const types = [
    'image/png',
    'application/vnd.example+json',
    'text/plain;charset=utf-8',
    'text/plain ; charset="utf-8"; format=flowed',
    'a/b; c="quoted \\" ; \t and more"',
    "!#$%&'*+.^_`|~0aA/-",
  ]
  it('may have any media type', async () => {
    for (const contentType of types) {
      const { recordKey } = await stored('typed', { contentType })
      const { record } = await frontEnd.retrieve({ userId: 'typed', recordKey })
      expect(record?.attributes?.contentType).to.equal(contentType)
    }
  })

  const noTypes = [
    'png',
    'image/',
    '/png',
    'image/png/x',
    'image /png',
    ' image/png',
    'image/png ',
    'image/png;',
    'image/png; charset',
    'image/png; charset=',
    'image/png; charset="open',
    'image/png, text/plain',
    'image/p\u00f6g',
    'image/png\n',
    'image/\ufffd',
    'image/\ud800',
  ]
  it('have no other content type', async () => {
    for (const contentType of noTypes) {
      const refused = invalid('attributes.content_type', 'must be a media type, such as image/png')
      expect(await answer(stored('typed', { contentType })), JSON.stringify(contentType)).to.deep.equal(refused)
    }
  })

  it('are refused in the time of their length, however hostile', async () => {
    const started = Date.now()
    for (const part of [' ', ' ;', ';a=a ', ';a="\\"', 'a', 'a/']) {
      const contentType = `a/a${part.repeat(1_000_000 / part.length)}\n`
      expect(await answer(stored('typed', { contentType }))).to.deep.include({ code: 3 })
    }
    expect(Date.now() - started).to.be.below(60_000)
  })

  it('are at most 64 labels', async () => {
    const labels = labelsOf(64)
    const { recordKey } = await stored('many', { labels })
    expect((await frontEnd.retrieve({ userId: 'many', recordKey })).record?.attributes?.labels).to.deep.equal(labels)
    const refused = invalid('attributes.labels', 'must be at most 64, not 65')
    expect(await answer(stored('many', { labels: labelsOf(65) }))).to.deep.equal(refused)
  })

  it('have text as labels that is text in every language, and not the one name that objects have', async () => {
    const badTexts: [string, string][] = [
      ['a\ufffd', 'must not contain U+FFFD: it may stand for bytes that were not UTF-8'],
      ['\udc00', 'must be well-formed text'],
    ]
    for (const [text, description] of badTexts) {
      for (const labels of [{ [text]: 'v' }, { key: text }]) {
        expect(await answer(stored('text', { labels }))).to.deep.equal(invalid('attributes.labels', description))
      }
    }
    // As a caller in this process may have it: over the wire and by `create` it is already lost.
    const attributes = { contentType: '', labels: { ['__proto__']: 'v' } }
    const request = { userId: 'text', recordName: '', data, keyMode: 0, callerAad: Buffer.alloc(0), keepVersions: 0 }
    const none = { precondition: undefined, expireTime: undefined }
    const made = frontEnd.service.storeRecord({ ...request, ...none, attributes } as never, call)
    expect(await answer(made)).to.deep.equal(invalid('attributes.labels', 'must not be named __proto__'))
  })

  it('take 4096 bytes and no more, beside the longest name', async () => {
    const recordName = 'n'.repeat(1024)
    const expireTime = new Date('9999-12-31T23:59:59.999Z')
    // The label costs three bytes, its value three.
    const attributesOf = (bytes: number) => RecordAttributes.create({ labels: { '': 'x'.repeat(bytes - 6) } })
    const request = { userId: 'full', recordName, data, expireTime }
    const { recordKey } = await frontEnd.store({ ...request, attributes: attributesOf(4096) })
    const { record } = await frontEnd.retrieve({ userId: 'full', recordName, recordKey })
    expect(record).to.deep.include({ attributes: attributesOf(4096), expireTime })
    expect(await answer(frontEnd.store({ ...request, attributes: attributesOf(4097) }))).to.deep.equal(
      invalid('attributes', 'must be at most 4096 bytes, not 4097'),
    )
  })

  it('that are refused leave nothing behind', async () => {
    await answer(stored('nothing', { contentType: 'png' }))
    expect(await world.userDocument(frontEnd, 'nothing')).to.equal(undefined)
  })
})
