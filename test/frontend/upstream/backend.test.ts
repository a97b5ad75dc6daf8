import { inspect } from 'node:util'
import { expect } from 'chai'
import { type Reason, reasons, VaultError } from '../../../src/core/errors.js'
import { toGrpcStatus } from '../../../src/core/status.js'
import { type Backend, translatedBackend } from '../../../src/frontend/upstream/backend.js'
import { DeleteEnvelopeRequest, StoreEnvelopeRequest } from '../../../src/gen/encserver/v1/backend.js'
import { refusal } from '../refusal.js'
import { call } from '../world.js'

const methods = [
  'storeEnvelope',
  'retrieveEnvelope',
  'deleteEnvelope',
  'listEnvelopes',
  'listEnvelopeVersions',
  'storePart',
  'retrievePart',
  'getStoreInfo',
  'bindKeyring',
] as const

function failing(thrown: unknown): Backend {
  const fail = () => Promise.reject(thrown)
  return translatedBackend(Object.fromEntries(methods.map((name) => [name, fail])) as unknown as Backend)
}

const ask = (backend: Backend) => refusal(backend.getStoreInfo({}, call))

/** Requests with which each method can give all of its reasons. */
const requests: Record<(typeof methods)[number], object> = {
  storeEnvelope: StoreEnvelopeRequest.create({ record: { partCount: 1, expireTime: new Date(1) } }),
  retrieveEnvelope: {},
  deleteEnvelope: DeleteEnvelopeRequest.create({ expectKeyId: Buffer.alloc(16) }),
  listEnvelopes: {},
  listEnvelopeVersions: {},
  storePart: {},
  retrievePart: {},
  getStoreInfo: {},
  bindKeyring: {},
}

const askAny = (name: (typeof methods)[number], error: VaultError, request = requests[name]) =>
  refusal(failing(error)[name](request as never, call))

describe('the guarded back end', () => {
  const anyMethod: Partial<Record<Reason, Reason>> = {
    STORE_FULL: 'STORE_FULL',
    STORE_UNAVAILABLE: 'STORE_UNAVAILABLE',
    STORE_REFUSED: 'STORE_REFUSED',
    OVERLOADED: 'OVERLOADED',
    DEADLINE_EXCEEDED: 'DEADLINE_EXCEEDED',
    CANCELLED: 'CANCELLED',
    UNREACHABLE: 'BACKEND_UNAVAILABLE',
  }
  const same = (...names: Reason[]) => Object.fromEntries(names.map((name) => [name, name]))
  const passed: Record<(typeof methods)[number], Partial<Record<Reason, Reason>>> = {
    storeEnvelope: same('PARTS_MISSING', 'OUTCOME_UNKNOWN', 'CONTENTION', 'KEYRING_MISMATCH', 'RECORD_CORRUPT'),
    retrieveEnvelope: same('RECORD_CORRUPT'),
    deleteEnvelope: same('PRECONDITION_FAILED', 'OUTCOME_UNKNOWN', 'CONTENTION', 'RECORD_CORRUPT'),
    listEnvelopes: same('RECORD_CORRUPT'),
    listEnvelopeVersions: same('RECORD_CORRUPT'),
    storePart: same('ALREADY_EXISTS', 'OUTCOME_UNKNOWN'),
    retrievePart: { ...same('PART_NOT_FOUND', 'RECORD_CORRUPT'), RANGE_PAST_END: 'RECORD_CORRUPT' },
    getStoreInfo: same('NOT_SUPPORTED'),
    bindKeyring: same('KEYRING_MISMATCH', 'CONTENTION', 'NOT_SUPPORTED'),
  }
  for (const name of methods) {
    it(`passes on the reasons that ${name} can give, in our words, and turns all others into INTERNAL`, async () => {
      for (const reason of Object.keys(reasons) as Reason[]) {
        const foreign = new VaultError(reason, {
          message: 'words of the back end',
          fields: [{ field: 'words', description: 'of the back end' }],
          requestId: 'words-of-the-back-end',
        })
        const error = await askAny(name, foreign)
        const expected = passed[name][reason] ?? anyMethod[reason] ?? 'INTERNAL'
        expect(error.reason, reason).to.equal(expected)
        expect(error.message).to.equal(reasons[expected].message)
        const { details, metadata } = toGrpcStatus(error, 'ours')
        expect(inspect([details, metadata.getMap()], { depth: 5 })).not.to.include('back end,')
        const [bytes] = metadata.get('grpc-status-details-bin') as [Buffer]
        expect(bytes.includes('words')).to.equal(false)
      }
    })
  }

  it('lets no caller believe in a condition that its request does not have', async () => {
    const store = (fields: Parameters<typeof StoreEnvelopeRequest.create>[0]) => StoreEnvelopeRequest.create(fields)
    const absent = { condition: { $case: 'absent' as const, value: true } }
    const keyId = { condition: { $case: 'keyId' as const, value: Buffer.alloc(16) } }
    for (const [name, request, reason, expected] of [
      ['storeEnvelope', store({ precondition: absent }), 'ALREADY_EXISTS', 'ALREADY_EXISTS'],
      ['storeEnvelope', store({ precondition: keyId }), 'ALREADY_EXISTS', 'INTERNAL'],
      ['storeEnvelope', store({}), 'ALREADY_EXISTS', 'INTERNAL'],
      ['storeEnvelope', store({ precondition: keyId }), 'PRECONDITION_FAILED', 'PRECONDITION_FAILED'],
      ['storeEnvelope', store({ precondition: absent }), 'PRECONDITION_FAILED', 'INTERNAL'],
      ['storeEnvelope', store({}), 'PRECONDITION_FAILED', 'INTERNAL'],
      ['storeEnvelope', store({ record: {} }), 'PARTS_MISSING', 'INTERNAL'],
      ['deleteEnvelope', DeleteEnvelopeRequest.create({}), 'PRECONDITION_FAILED', 'INTERNAL'],
    ] as const) {
      expect((await askAny(name, new VaultError(reason), request)).reason, `${name} ${reason}`).to.equal(expected)
    }
  })

  it('turns a deadline that passed before the call was sent into BACKEND_UNAVAILABLE', async () => {
    const cause = { details: 'Deadline exceeded after 30.001s,Waiting for LB pick' }
    const error = await ask(failing(new VaultError('DEADLINE_EXCEEDED', { cause })))
    expect(error.reason).to.equal('BACKEND_UNAVAILABLE')
  })

  it("names the expiry when it is past by the back end's clock only", async () => {
    const foreign = (...fields: string[]) =>
      new VaultError('INVALID_REQUEST', {
        message: 'words of the back end',
        fields: fields.map((field) => ({ field, description: 'words of the back end' })),
      })
    const description = "must be in the future, by the back end's clock as well"
    const error = await askAny('storeEnvelope', foreign('record.expire_time'))
    expect(error.message).to.equal(`expire_time: ${description}`)
    expect(error.fields).to.deep.equal([{ field: 'expire_time', description }])
    for (const fields of [['record.entry_box'], ['record.expire_time', 'record.entry_box'], ['expire_time'], []]) {
      expect((await askAny('storeEnvelope', foreign(...fields))).reason).to.equal('INTERNAL')
    }
    const withoutExpiry = StoreEnvelopeRequest.create({ record: {} })
    expect((await askAny('storeEnvelope', foreign('record.expire_time'), withoutExpiry)).reason).to.equal('INTERNAL')
    expect((await askAny('deleteEnvelope', foreign('record.expire_time'))).reason).to.equal('INTERNAL')
  })

  it('turns any other thrown value into an internal error', async () => {
    for (const thrown of [new TypeError('words'), 'words', undefined, { reason: 'STORE_FULL' }]) {
      const { reason, message, cause } = await ask(failing(thrown))
      expect([reason, message, cause]).to.deep.equal(['INTERNAL', 'internal error', thrown])
    }
  })

  it('passes on how long to wait, from nothing to a minute', async () => {
    for (const [told, passedOn] of [
      [250, 250],
      [60_000, 60_000],
      [86_400_000, 60_000],
      [-5, 0],
      [undefined, undefined],
    ] as const) {
      const error = new VaultError('OVERLOADED', told === undefined ? {} : { retryAfterMs: told })
      expect((await ask(failing(error))).retryAfterMs).to.equal(passedOn)
    }
  })

  it('guards every method, and a method that throws at once', async () => {
    for (const name of methods) {
      const error = await refusal(failing(new VaultError('STORE_FULL', { message: 'words' }))[name]({} as never, call))
      expect(error.message).to.equal(reasons.STORE_FULL.message)
    }
    const throwing = translatedBackend({
      getStoreInfo: () => {
        throw new VaultError('STORE_FULL', { message: 'words' })
      },
    } as unknown as Backend)
    expect((await ask(throwing)).message).to.equal(reasons.STORE_FULL.message)
  })

  it('hands on request, call and answer as they are', async () => {
    const request = {}
    const answer = { format: 2, keyringId: Buffer.alloc(0), keyChecks: [], empty: true }
    const seen: unknown[] = []
    const backend = translatedBackend({
      getStoreInfo: async (...given: unknown[]) => {
        seen.push(...given)
        return answer
      },
    } as unknown as Backend)
    expect(await backend.getStoreInfo(request, call)).to.equal(answer)
    expect(seen[0]).to.equal(request)
    expect(seen[1]).to.equal(call)
  })
})
