import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import {
  validateBinding,
  validateDelete,
  validateList,
  validateRetrieve,
  validateStore,
  validateVersions,
} from '../../../src/backend/service/validate.js'
import type { SealedRecord, StoreEnvelopeRequest, UserDocument } from '../../../src/gen/encserver/v1/backend.js'
import { rejection, sampleEnvelope, sampleKeyCheck, sampleRecord, sampleUser, storeOf, storeTime } from '../samples.js'

const none: Buffer = Buffer.alloc(0)
const user = sampleUser()

/** A record as a front end sends it. */
function sealed(owner = user, changes: Partial<SealedRecord> = {}): SealedRecord {
  return sampleRecord(owner, { storeTime: undefined, ...changes })
}

async function storeEnvelope(record: SealedRecord, changes: Partial<StoreEnvelopeRequest> = {}) {
  return validateStore(storeOf(record, changes))
}

const retrieve = async (...recordIds: Buffer[]) => validateRetrieve({ recordIds, version: 0n })
const versions = async (...recordIds: Buffer[]) => validateVersions({ recordIds })
const remove = async (recordIds: Buffer[], expectKeyId = none) => validateDelete({ recordIds, expectKeyId })

describe('validate', () => {
  const id = randomBytes(72)
  const pseudonym = randomBytes(36)

  /** The messages of requests that are refused, each made from a good one. */
  function refuses(cases: [string, () => Promise<unknown>][]): void {
    for (const [message, request] of cases) {
      it(message, async () => {
        const error = await rejection(request())
        expect(error.reason).to.equal('INVALID_REQUEST')
        expect(error.message).to.equal(message)
        expect(error.fields.map(({ field, description }) => `${field}: ${description}`)).to.deep.equal([message])
      })
    }
  }

  const withRecord = (changes: Partial<SealedRecord>) => () => storeEnvelope(sealed(user, changes))

  const withUser = (changes: Partial<UserDocument>) => () =>
    storeEnvelope(sealed(), { newUser: { ...user, ...changes } })

  const withGeneration = (changes: Partial<UserDocument['generations'][0]>) => () =>
    withUser({ generations: [{ generation: 1, wrappedKey: none, userBind: randomBytes(32), ...changes }] })()

  const generations = (...numbers: number[]) =>
    numbers.map((generation) => ({ generation, wrappedKey: Buffer.alloc(1), userBind: randomBytes(32) }))

  const withCondition = (precondition: StoreEnvelopeRequest['precondition']) => () =>
    storeEnvelope(sealed(), { precondition })

  const list = async (userPseudonyms: Buffer[], pageSize = 1, afterRecordId = none) =>
    validateList({ userPseudonyms, pageSize, afterRecordId })

  const seventeen = (bytes: number) => Array.from({ length: 17 }, () => randomBytes(bytes))

  function envelopeWith(at: number, value: number): Buffer {
    const envelope = sampleEnvelope()
    envelope[at] = value
    return envelope
  }

  refuses([
    ['record: must be set', () => storeEnvelope(sealed(), { record: undefined })],
    ['record.record_id: must be 72 bytes', withRecord({ recordId: randomBytes(71) })],
    ['record.envelope: must be 104 to 4194304 bytes', withRecord({ envelope: sampleEnvelope(103) })],
    ['record.envelope: must be 104 to 4194304 bytes', withRecord({ envelope: sampleEnvelope((4 << 20) + 1) })],
    ['record.envelope: must be an envelope of version 1', withRecord({ envelope: envelopeWith(3, 0x55) })],
    ['record.envelope: must be an envelope of version 1', withRecord({ envelope: envelopeWith(4, 2) })],
    ['record.entry_box: must be 1 to 8192 bytes', withRecord({ entryBox: none })],
    ['record.entry_box: must be 1 to 8192 bytes', withRecord({ entryBox: Buffer.alloc(8193) })],
    ['record.user_uid: must be 16 bytes', withRecord({ userUid: randomBytes(15) })],
    ['record.version: must be unset', withRecord({ version: 1n })],
    ['record.store_time: must be unset', withRecord({ storeTime })],
    ['record.replaced_key_ids: must be unset', withRecord({ replacedKeyIds: [randomBytes(16)] })],
    ['record.life_id: must be unset', withRecord({ lifeId: randomBytes(16) })],
    ['record.kept_versions: must be unset', withRecord({ keptVersions: 1 })],
    ['record.keep_versions: must be unset', withRecord({ keepVersions: 1 })],
    ['record.part_count: must be 0 to 1048576', withRecord({ partCount: 2 ** 20 + 1 })],
    ['record.envelope: must be 88 bytes', withRecord({ partCount: 1, envelope: sampleEnvelope(104) })],
    ['record.envelope: must be 88 bytes', withRecord({ partCount: 1, envelope: sampleEnvelope(87) })],
    ['record.envelope: must be 104 to 4194304 bytes', withRecord({ envelope: sampleEnvelope(88) })],
    ['record.expire_time: must be a time before the year 10000', withRecord({ expireTime: new Date(Number.NaN) })],
    ['record.expire_time: must be a time before the year 10000', withRecord({ expireTime: new Date(0) })],
    ['record.expire_time: must be a time before the year 10000', withRecord({ expireTime: new Date(253402300800000) })],
    ['keep_versions: must be 0 to 100', () => storeEnvelope(sealed(), { keepVersions: 101 })],
    ['default_keep_versions: must be 0 to 100', () => storeEnvelope(sealed(), { defaultKeepVersions: 101 })],
    ['keyring_id: must be 16 bytes', () => storeEnvelope(sealed(), { keyringId: none })],
    ...(
      [
        ['key_checks: must be 0 to 16', Array.from({ length: 17 }, (_, at) => sampleKeyCheck(2, at))],
        ['key_checks[1]: must be 37 bytes of a known kind', [sampleKeyCheck(1, 1), none]],
        ['key_checks[0]: must be 37 bytes of a known kind', [sampleKeyCheck(1, 1).subarray(1)]],
        ['key_checks[0]: must be 37 bytes of a known kind', [Buffer.concat([sampleKeyCheck(1, 1), Buffer.of(0)])]],
        ['key_checks[0]: must be 37 bytes of a known kind', [sampleKeyCheck(3 as never, 1)]],
        ['key_checks: must be those of distinct keys', [sampleKeyCheck(1, 1), sampleKeyCheck(1, 1)]],
      ] as const
    ).map(([problem, keyChecks]): [string, () => Promise<unknown>] => [
      problem,
      () => storeEnvelope(sealed(), { keyChecks: [...keyChecks] }),
    ]),
    [
      'key_checks: must be 0 to 256',
      async () =>
        validateBinding({
          keyringId: randomBytes(16),
          keyChecks: Array.from({ length: 257 }, (_, at) => sampleKeyCheck(2, at)),
        }),
    ],
    ['keyring_id: must be 16 bytes', async () => validateBinding({ keyringId: none, keyChecks: [] })],
    ['new_user.user_pseudonym: must begin the record id', withUser({ userPseudonym: pseudonym })],
    ['new_user.user_uid: must be that of the record', withUser({ userUid: randomBytes(16) })],
    ['new_user.generations: must be 1 to 100', withUser({ generations: [] })],
    ['new_user.generations: must be 1 to 100', withUser({ generations: generations(...Array(101).keys()) })],
    ['new_user.generations[0].generation: must ascend from 1', withUser({ generations: generations(0) })],
    ['new_user.generations[1].generation: must ascend from 1', withUser({ generations: generations(2, 2) })],
    ['new_user.generations[0].wrapped_key: must be 1 to 8192 bytes', withGeneration({})],
    [
      'new_user.generations[0].wrapped_key: must be 1 to 8192 bytes',
      withGeneration({ wrappedKey: Buffer.alloc(8193) }),
    ],
    [
      'new_user.generations[0].user_bind: must be 32 bytes',
      withGeneration({ wrappedKey: Buffer.alloc(1), userBind: none }),
    ],
    ['precondition: must have a condition', withCondition({ condition: undefined })],
    ['precondition.absent: must be true', withCondition({ condition: { $case: 'absent', value: false } })],
    ['precondition.key_id: must be 16 bytes', withCondition({ condition: { $case: 'keyId', value: none } })],
  ])

  refuses([
    ['record_ids: must be 1 to 16', () => retrieve()],
    ['record_ids: must be 1 to 16', () => retrieve(...seventeen(72))],
    ['record_ids[1]: must be 72 bytes', () => retrieve(id, randomBytes(36))],
    ['record_ids: must be distinct', () => retrieve(id, randomBytes(72), id)],
    ['record_ids: must be 1 to 16', () => versions()],
    ['record_ids[0]: must be 72 bytes', () => versions(none)],
    ['record_ids: must be 1 to 16', () => remove([])],
    ['record_ids[0]: must be 72 bytes', () => remove([none])],
    ['expect_key_id: must be 16 bytes', () => remove([id], randomBytes(17))],
    ['user_pseudonyms: must be 1 to 16', () => list([])],
    ['user_pseudonyms: must be 1 to 16', () => list(seventeen(36))],
    ['user_pseudonyms[0]: must be 36 bytes', () => list([id])],
    ['user_pseudonyms: must be distinct', () => list([pseudonym, pseudonym])],
    ['page_size: must be 1 to 1000', () => list([pseudonym], 0)],
    ['page_size: must be 1 to 1000', () => list([pseudonym], 1001)],
    ['after_record_id: must be 72 bytes', () => list([pseudonym], 1, pseudonym)],
    ['after_record_id: must begin with one of user_pseudonyms', () => list([pseudonym], 1, id)],
  ])
})
