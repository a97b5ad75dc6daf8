// docs/crypto.md section 15, tests 12 and 13: ids that look alike stay apart, and one user has one key.
import { expect } from 'chai'
import fc from 'fast-check'
import { frontendClient } from '../../src/frontend/client.js'
import { answer, reasonOf } from './refusal.js'
import { openWire } from './wire.js'
import { call, type FrontEnd, openWorld, type World } from './world.js'

interface Name {
  userId: string
  recordName: string
}

describe('ids that look alike', () => {
  let world: World
  let frontEnd: FrontEnd
  before(async () => {
    world = await openWorld()
    frontEnd = world.frontEnd()
  })
  after(() => world.close())

  /** Stores each, then expects that each opens with its own token and with no other's. */
  async function expectApart(names: Name[], through = frontEnd) {
    const stored = []
    for (const name of names) {
      const data = Buffer.from(JSON.stringify(name))
      stored.push({ name, data, ...(await through.store({ ...name, data })) })
    }
    for (const { name, data, version } of stored) {
      expect(version, JSON.stringify(name)).to.equal(1n)
      for (const { recordKey, name: owner } of stored) {
        if (owner === name) expect((await through.retrieve({ ...name, recordKey })).data).to.deep.equal(data)
        else expect(await reasonOf(through.retrieve({ ...name, recordKey }))).to.equal('RECORD_KEY_MISMATCH')
      }
    }
  }

  const longest = 'x'.repeat(1023)
  const alike: [string, Name[]][] = [
    [
      'that shift a character over the boundary',
      [
        { userId: 'ab', recordName: 'c' },
        { userId: 'a', recordName: 'bc' },
        { userId: 'abc', recordName: '' },
      ],
    ],
    [
      'with tags and lengths of the context in them',
      [
        { userId: 'a', recordName: '\x04\0\0\0\x01b' },
        { userId: 'a\x04\0\0\0\x01b', recordName: '' },
        { userId: 'a\x04\0\0\0\x07', recordName: '\x01b' },
      ],
    ],
    [
      'composed and decomposed, and other letters of the same look',
      ['é', 'e\u0301', 'е', 'e', 'ｅ', 'E'].map((userId) => ({ userId, recordName: 'r' })),
    ],
    [
      'with what is not seen: NUL, joiners, marks of order and byte order, spaces',
      ['s', 's\0', '\0s', 's\u200d', '\ufeffs', 's\u200e', 's ', ' s', 's\n', 's\u00a0', 's\u00ad'].map((userId) => ({
        userId,
        recordName: 'r',
      })),
    ],
    [
      'of 1024 bytes that differ in the last',
      ['a', 'b'].flatMap((end) => [
        { userId: longest + end, recordName: longest + end },
        { userId: longest + end, recordName: longest },
      ]),
    ],
    [
      'that are numbers, words of JavaScript and empty names',
      ['__proto__', 'constructor', 'toString', '0', '-0', '00', 'null', 'undefined'].map((userId) => ({
        userId,
        recordName: '',
      })),
    ],
  ]
  for (const [what, names] of alike) {
    it(`stay apart: ${what}`, () => expectApart(names))
  }

  it('stay apart as record names of one user', async () => {
    await expectApart(
      ['', ' ', '\0', 'é', 'e\u0301', '\ufeff', '__proto__'].map((recordName) => ({ userId: 'one', recordName })),
    )
    expect((await frontEnd.list({ userId: 'one' })).records).to.have.length(7)
  })

  it('stay apart on the wire too, byte order mark, NUL and all', async () => {
    const wire = await openWire(frontEnd)
    const client = frontendClient({ address: wire.address })
    try {
      const tokens = new Map<string, string>()
      const userIds = ['wire', '\ufeffwire', 'wire\0', 'wíre', 'wi\u0301re', 'wire\ufeff']
      for (const userId of userIds) {
        const { recordKey, version } = await client.storeRecord({ userId, data: Buffer.from(userId) })
        expect(version).to.equal(1n)
        tokens.set(userId, recordKey)
      }
      for (const userId of userIds) {
        const { data } = await client.retrieveRecord({ userId, recordKey: tokens.get(userId)! })
        expect(data.toString()).to.equal(userId)
      }
    } finally {
      client.close()
      await wire.close()
    }
  })

  it('have two pseudonyms whenever they are two, whatever they are', () => {
    const { ids } = frontEnd.vault
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 })
    const name = fc.record({ userId: text, recordName: text })
    fc.assert(
      fc.property(name, name, (one, other) => {
        const same = one.userId === other.userId && one.recordName === other.recordName
        expect(ids.records(one)[0]!.equals(ids.records(other)[0]!)).to.equal(same)
        expect(ids.users(one.userId)[0]!.equals(ids.users(other.userId)[0]!)).to.equal(one.userId === other.userId)
      }),
    )
  })

  it('that are not well formed are refused, not replaced', async () => {
    for (const userId of ['\ud800', 'a\udfff', '\udc00\ud800']) {
      const { fields, reason } = await answer(frontEnd.store({ userId, data: Buffer.alloc(1) }))
      expect([reason, fields[0]?.field]).to.deep.equal(['INVALID_REQUEST', 'user_id'])
    }
  })
})

describe('a hundred racing first stores of one user', () => {
  for (const count of [1, 2] as const) {
    it(`through ${count} front end${count === 1 ? '' : 's'} make one user key, and every record opens`, async () => {
      const world = await openWorld()
      try {
        const frontEnds = Array.from({ length: count }, () => world.frontEnd())
        const names = Array.from({ length: 100 }, (_, at) => `record-${at}`)
        const stored = await Promise.all(
          names.map((recordName, at) =>
            frontEnds[at % count]!.store({
              userId: 'u',
              recordName,
              data: Buffer.from(recordName),
              keyMode: ((at % 3) + 1) as 1 | 2 | 3,
            }),
          ),
        )
        for (const reader of [...frontEnds, world.frontEnd()]) {
          for (const [at, recordName] of names.entries()) {
            const { data } = await reader.retrieve({ userId: 'u', recordName, recordKey: stored[at]!.recordKey })
            expect(data.toString()).to.equal(recordName)
          }
          const { records, unreadableCount } = await reader.list({ userId: 'u', pageSize: 1000 })
          expect([records.length, unreadableCount]).to.deep.equal([100, 0])
        }
        const userPseudonyms = frontEnds[0]!.vault.ids.users('u')
        const page = { userPseudonyms, pageSize: 1000, afterRecordId: Buffer.alloc(0) }
        const { records, user } = await world.backend.listEnvelopes(page, call)
        const lives = new Set(records.map(({ userUid }) => userUid.toString('hex')))
        expect([...lives]).to.deep.equal([user!.userUid.toString('hex')])
        expect(user!.generations).to.have.length(1)
      } finally {
        await world.close()
      }
    })
  }
})
