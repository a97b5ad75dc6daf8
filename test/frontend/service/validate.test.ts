// Bad input, each with its exact answer. What a typed client can send is tested in this process, what it cannot over gRPC.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import type { KeyMode, Precondition } from '../../../src/gen/encserver/v1/frontend.js'
import {
  RetrieveRecordRequest,
  RetrieveRecordResponse,
  StoreRecordRequest,
} from '../../../src/gen/encserver/v1/frontend.js'
import { BadRequest, ErrorInfo } from '../../../src/gen/google/rpc/error_details.js'
import { Status } from '../../../src/gen/google/rpc/status.js'
import { answer, mismatch, reasonOf } from '../refusal.js'
import { bytesField, openWire, type Wire } from '../wire.js'
import { type FrontEnd, openWorld, type World } from '../world.js'

const data = Buffer.from('contents')
const invalid = (field: string, description: string) => ({
  code: 3,
  reason: 'INVALID_REQUEST',
  message: `${field}: ${description}`,
  fields: [{ field, description }],
  retryAfterMs: undefined,
})
const notFound = { code: 5, reason: 'RECORD_NOT_FOUND', message: 'no such record', fields: [], retryAfterMs: undefined }
const replaced = 'must not contain U+FFFD: it may stand for bytes that were not UTF-8'

describe('validation of requests', () => {
  let world: World
  let frontEnd: FrontEnd
  before(async () => {
    world = await openWorld()
    frontEnd = world.frontEnd()
  })
  after(() => world.close())

  const callsFor = (request: { userId: string; recordName?: string }) => [
    frontEnd.store({ ...request, data }),
    frontEnd.retrieve(request),
    frontEnd.delete(request),
  ]

  const badUserIds: [string, string, string][] = [
    ['empty', '', 'must be 1 to 1024 bytes of UTF-8, not 0'],
    ['of 1025 bytes', 'a'.repeat(1025), 'must be 1 to 1024 bytes of UTF-8, not 1025'],
    ['of 513 characters that are 1026 bytes', 'é'.repeat(513), 'must be 1 to 1024 bytes of UTF-8, not 1026'],
    ['with U+FFFD', 'a\ufffd', replaced],
    ['that is U+FFFD', '\ufffd', replaced],
    ['with a lone surrogate', 'a\ud800b', 'must be well-formed text'],
  ]
  for (const [what, userId, description] of badUserIds) {
    it(`refuses a user id ${what}, in every method`, async () => {
      for (const made of [...callsFor({ userId }), frontEnd.list({ userId })]) {
        expect(await answer(made)).to.deep.equal(invalid('user_id', description))
      }
    })
  }

  const badNames: [string, string, string][] = [
    ['of 1025 bytes', 'n'.repeat(1025), 'must be 0 to 1024 bytes of UTF-8, not 1025'],
    ['with U+FFFD', 'n\ufffd', replaced],
    ['with a lone surrogate', '\udc00', 'must be well-formed text'],
  ]
  for (const [what, recordName, description] of badNames) {
    it(`refuses a record name ${what}, in every method`, async () => {
      for (const made of callsFor({ userId: 'alice', recordName })) {
        expect(await answer(made)).to.deep.equal(invalid('record_name', description))
      }
    })
  }

  it('takes ids and names of any text within their sizes, NUL too', async () => {
    const longest = 'a'.repeat(1024)
    const pairs: [string, string][] = [
      ['u', ''],
      [longest, longest],
      ['é'.repeat(512), '😀'.repeat(256)],
      ['\0', '\0'],
      ['a\0b', 'new\nline'],
      ['\ufffc', '\ufffe\uffff'],
    ]
    for (const [userId, recordName] of pairs) {
      const { recordKey } = await frontEnd.store({ userId, recordName, data })
      const read = await frontEnd.retrieve({ userId, recordName, recordKey })
      expect(read.data).to.deep.equal(data)
      expect(read.record?.recordName).to.equal(recordName)
      expect((await frontEnd.list({ userId })).records.map((record) => record.recordName)).to.deep.equal([recordName])
    }
  })

  it('takes 3 MiB and refuses one byte more', async () => {
    const userId = 'big'
    const most = randomBytes(3_145_728)
    const { recordKey } = await frontEnd.store({ userId, data: most })
    expect((await frontEnd.retrieve({ userId, recordKey })).data.equals(most)).to.equal(true)
    expect(await answer(frontEnd.store({ userId, data: Buffer.alloc(3_145_729) }))).to.deep.equal(
      invalid('data', 'must be at most 3145728 bytes, not 3145729; larger ones go through UploadRecord'),
    )
  })

  it('takes 64 KiB of associated data and refuses one byte more', async () => {
    const userId = 'bound'
    const callerAad = randomBytes(65_536)
    const { recordKey } = await frontEnd.store({ userId, data, callerAad })
    expect((await frontEnd.retrieve({ userId, recordKey, callerAad })).data).to.deep.equal(data)
    const tooMuch = { userId, callerAad: Buffer.alloc(65_537) }
    const refused = invalid('caller_aad', 'must be at most 65536 bytes, not 65537')
    expect(await answer(frontEnd.store({ ...tooMuch, data }))).to.deep.equal(refused)
    expect(await answer(frontEnd.retrieve({ ...tooMuch, recordKey }))).to.deep.equal(refused)
  })

  it('refuses an expected key id of another size', async () => {
    for (const size of [1, 15, 17]) {
      const request = { userId: 'alice', expectKeyId: randomBytes(size) }
      const refused = invalid('expect_key_id', `must be 16 bytes, not ${size}`)
      expect(await answer(frontEnd.retrieve(request))).to.deep.equal(refused)
      expect(await answer(frontEnd.delete(request))).to.deep.equal(refused)
    }
  })

  const badPreconditions: [string, Precondition, string, string][] = [
    ['without a condition', { condition: undefined }, 'precondition', 'must hold a condition'],
    ['of `absent: false`', { condition: { $case: 'absent', value: false } }, 'precondition.absent', 'must be true'],
    [
      'with a key id of no bytes',
      { condition: { $case: 'keyId', value: Buffer.alloc(0) } },
      'precondition.key_id',
      'must be 16 bytes, not 0',
    ],
    [
      'with a key id of 17 bytes',
      { condition: { $case: 'keyId', value: Buffer.alloc(17) } },
      'precondition.key_id',
      'must be 16 bytes, not 17',
    ],
  ]
  for (const [what, precondition, field, description] of badPreconditions) {
    it(`refuses a precondition ${what}`, async () => {
      const refused = answer(frontEnd.store({ userId: 'alice', data, precondition }))
      expect(await refused).to.deep.equal(invalid(field, description))
    })
  }

  it('refuses a key mode it does not know', async () => {
    const description = 'must be KEY_MODE_CLIENT, KEY_MODE_SERVER or KEY_MODE_SPLIT'
    for (const keyMode of [4, 255, -1, 2 ** 31 - 1] as unknown as KeyMode[]) {
      const refused = answer(frontEnd.store({ userId: 'alice', data, keyMode }))
      expect(await refused).to.deep.equal(invalid('key_mode', description))
    }
  })

  describe('a record key', () => {
    const wrong = (why: string) => invalid('record_key', `is not a record key: ${why}`)
    const spelling = wrong('it must be rvk1_ and 88 of the symbols a-z and 2-7')
    const userId = 'token-owner'
    let recordKey: string
    before(async () => {
      recordKey = (await frontEnd.store({ userId, data })).recordKey
    })

    it('is refused when it is not spelled like one', async () => {
      const spellings = [
        recordKey.slice(0, -1),
        `${recordKey}a`,
        recordKey.toUpperCase(),
        ` ${recordKey}`,
        `${recordKey}\n`,
        recordKey.replace('rvk1_', 'rvk2_'),
        recordKey.slice(5),
        'rvk1_',
        `${recordKey.slice(0, -1)}1`,
      ]
      for (const text of spellings)
        expect(await answer(frontEnd.retrieve({ userId, recordKey: text }))).to.deep.equal(spelling)
    })

    it('is refused when a symbol is wrong, and the answer shows none of it', async () => {
      const at = 20
      const changed = recordKey[at] === 'a' ? 'b' : 'a'
      const text = recordKey.slice(0, at) + changed + recordKey.slice(at + 1)
      const refused = await answer(frontEnd.retrieve({ userId, recordKey: text }))
      const { code, reason, message, fields } = refused
      expect({ code, reason, field: fields[0]?.field }).to.deep.equal({
        code: 3,
        reason: 'INVALID_REQUEST',
        field: 'record_key',
      })
      expect(message).to.match(/^record_key: is not a record key: its check [a-z ,]+$/)
    })

    it('is refused without a look-up when it cannot be one', async () => {
      let asked = 0
      const counting = world.frontEnd({
        backend: {
          ...world.backend,
          retrieveEnvelope: (request, call) => {
            asked += 1
            return world.backend.retrieveEnvelope(request, call)
          },
        },
      })
      expect(await reasonOf(counting.retrieve({ userId, recordKey: 'x' }))).to.equal('INVALID_REQUEST')
      expect(asked).to.equal(0)
      await counting.retrieve({ userId, recordKey })
      expect(asked).to.equal(1)
    })

    it('of another record, of another user and of an older version do not open', async () => {
      const other = await frontEnd.store({ userId, recordName: 'other', data })
      const stranger = await frontEnd.store({ userId: 'stranger', data })
      for (const { recordKey: text } of [other, stranger]) {
        expect(await answer(frontEnd.retrieve({ userId, recordKey: text }))).to.deep.equal(mismatch)
      }
      await frontEnd.store({ userId: 'stranger', data })
      const stale = frontEnd.retrieve({ userId: 'stranger', recordKey: stranger.recordKey })
      expect(await answer(stale)).to.deep.equal(mismatch)
    })

    it('of a record that is not there, of a user who is not there, finds nothing', async () => {
      expect(await answer(frontEnd.retrieve({ userId, recordName: 'nowhere', recordKey }))).to.deep.equal(notFound)
      expect(await answer(frontEnd.retrieve({ userId: 'nobody', recordKey }))).to.deep.equal(notFound)
      expect(await answer(frontEnd.retrieve({ userId: 'nobody' }))).to.deep.equal(notFound)
      expect((await frontEnd.list({ userId: 'nobody' })).records).to.deep.equal([])
    })

    it('never opens anything, nor fails otherwise, as any text', async () => {
      const bodies = fc.string({
        unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz234567'),
        minLength: 88,
        maxLength: 88,
      })
      const texts = fc.oneof(
        bodies.map((body) => `rvk1_${body}`),
        fc.string({ minLength: 1 }),
      )
      await fc.assert(
        fc.asyncProperty(texts, async (text) => {
          expect(await reasonOf(frontEnd.retrieve({ userId, recordKey: text }))).to.equal('INVALID_REQUEST')
        }),
        { numRuns: 100 },
      )
    })
  })

  describe('as raw bytes', () => {
    let wire: Wire
    before(async () => {
      wire = await openWire(frontEnd)
    })
    after(() => wire.close())

    const fieldsOf = ({ details }: { details: Buffer }) => {
      const packed = Status.decode(details).details
      const of = (name: string) => packed.find(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${name}`)!
      const { fieldViolations } = BadRequest.decode(of('BadRequest').value)
      return {
        reason: ErrorInfo.decode(of('ErrorInfo').value).reason,
        fields: fieldViolations.map(({ field, description }) => ({ field, description })),
      }
    }

    for (const method of ['storeRecord', 'retrieveRecord', 'deleteRecord', 'listRecords'] as const) {
      it(`${method} refuses the user ids 61 ff and 61 fe, which a decoder makes one`, async () => {
        for (const id of ['61ff', '61fe']) {
          const refused = await wire.refused(method, bytesField(1, Buffer.from(id, 'hex')))
          expect(refused.code).to.equal(3)
          expect(refused.message).to.equal(`user_id: ${replaced}`)
          expect(fieldsOf(refused)).to.deep.equal({
            reason: 'INVALID_REQUEST',
            fields: [{ field: 'user_id', description: replaced }],
          })
        }
      })
    }

    it('refuses record names that are not UTF-8: lone surrogates, overlong forms, cut sequences', async () => {
      for (const name of ['ff', 'eda080', 'c080', 'e282', '61f0908080ff', '80']) {
        const frame = Buffer.concat([bytesField(1, Buffer.from('alice')), bytesField(2, Buffer.from(name, 'hex'))])
        for (const method of ['storeRecord', 'retrieveRecord', 'deleteRecord'] as const) {
          const refused = await wire.refused(method, frame)
          expect(fieldsOf(refused).fields).to.deep.equal([{ field: 'record_name', description: replaced }])
        }
      }
    })

    it('keeps a record whose store has no data, and empties one whose store has none of it', async () => {
      const fields = Buffer.concat([bytesField(1, Buffer.from('forgetful')), Buffer.from([0x20, 0x02])]) // in mode server
      const stored = (data: Buffer) => wire.send('storeRecord', Buffer.concat([fields, bytesField(3, data)]))
      const read = async () => {
        const { data } = RetrieveRecordResponse.decode(await wire.send('retrieveRecord', fields.subarray(0, -2)))
        return data.toString()
      }
      await stored(Buffer.from('kept'))
      const refused = await wire.refused('storeRecord', fields)
      expect(fieldsOf(refused).fields).to.deep.equal([
        { field: 'data', description: 'must be set; set it to no bytes to store an empty record' },
      ])
      expect(await read()).to.equal('kept')
      await stored(Buffer.alloc(0))
      expect(await read()).to.equal('')
    })

    it('wrote nothing for any of them', async () => {
      expect(await world.userDocument(frontEnd, 'a\ufffd')).to.equal(undefined)
    })

    it('carries 3 MiB both ways, and answers 3 MiB + 1 itself', async () => {
      const most = randomBytes(3_145_728)
      const rest = { userId: 'u'.repeat(1024), recordName: 'n'.repeat(1024), callerAad: randomBytes(65_536) }
      await wire.send(
        'storeRecord',
        StoreRecordRequest.encode(StoreRecordRequest.create({ ...rest, data: most, keyMode: 2 })).finish(),
      )
      const read = await wire.send(
        'retrieveRecord',
        RetrieveRecordRequest.encode(RetrieveRecordRequest.create(rest)).finish(),
      )
      expect(read.includes(most)).to.equal(true)

      const request = StoreRecordRequest.create({ ...rest, data: Buffer.alloc(3_145_729) })
      const refused = await wire.refused('storeRecord', StoreRecordRequest.encode(request).finish())
      expect(refused.code).to.equal(3)
      expect(fieldsOf(refused)).to.deep.equal({
        reason: 'INVALID_REQUEST',
        fields: [
          {
            field: 'data',
            description: 'must be at most 3145728 bytes, not 3145729; larger ones go through UploadRecord',
          },
        ],
      })
    })

    it('refuses an expiry that no clock ever shows', async () => {
      // 2^62 seconds, and the most negative number of them.
      for (const seconds of ['088080808080808080' + '40', '0880808080808080808001']) {
        const time = bytesField(10, Buffer.from(seconds, 'hex'))
        const refused = await wire.refused('storeRecord', Buffer.concat([bytesField(1, Buffer.from('alice')), time]))
        const description = 'must be a time before the year 10000'
        expect(fieldsOf(refused).fields).to.deep.equal([{ field: 'expire_time', description }])
      }
    })

    it('refuses frames that are no message, as a request that can never work', async () => {
      for (const frame of ['0a', '0a05ff', '0aff', 'ffffffffffffffffffffff', '07']) {
        const refused = await wire.refused('storeRecord', Buffer.from(frame, 'hex'))
        expect([refused.code, refused.message]).to.deep.equal([3, 'the request is not a valid message of this method'])
      }
    })
  })
})
