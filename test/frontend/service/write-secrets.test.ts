import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { type SecretFields, writeKindOf } from '../../../src/frontend/service/write-secrets.js'
import { keysClosedDuring, refusal } from '../refusal.js'
import { modes, newSecret, newToken } from '../tokens.js'

const none: SecretFields = { recordKey: '', writeId: Buffer.alloc(0), keyMode: 0, triedMsAgo: 0 }
const writeId = randomBytes(32)

describe('the secret of a write', () => {
  it('decides the mode of a request that names none, and the default does without a secret', () => {
    const cases: [Partial<SecretFields>, number][] = [
      [{ recordKey: newToken(modes.client) }, modes.client],
      [{ recordKey: newToken(modes.split) }, modes.split],
      [{ writeId }, modes.server],
      [{}, modes.split],
      [{ keyMode: modes.server }, modes.server],
      [{ writeId, keyMode: modes.server }, modes.server],
      [{ recordKey: newToken(modes.client), keyMode: modes.client }, modes.client],
    ]
    for (const [fields, mode] of cases) {
      for (const defaultMode of [modes.split, modes.server, modes.client]) {
        const kind = writeKindOf({ ...none, ...fields }, defaultMode)
        const isDefault = Object.keys(fields).length === 0
        expect(kind.mode).to.equal(isDefault ? defaultMode : mode)
        expect(kind.secret?.mode).to.equal(fields.recordKey || fields.writeId ? mode : undefined)
        kind.secret?.key.close()
      }
    }
  })

  it('gives the write its key id', () => {
    for (const mode of Object.values(modes)) {
      const { fields, keyId, recordKey } = newSecret(mode)
      const { secret } = writeKindOf({ ...none, ...(fields as Partial<SecretFields>) }, modes.split)
      expect(secret).to.deep.include({ keyId, text: recordKey, mode })
      secret?.key.close()
    }
  })

  it('has the first attempt of a repeat begin half a minute before its caller says, as the call travelled', () => {
    const before = performance.now()
    const { triedSince, secret } = writeKindOf({ ...none, writeId, triedMsAgo: 1_000 }, modes.split)
    expect(triedSince).to.be.within(before - 31_000, performance.now() - 31_000)
    secret?.key.close()
  })

  const token = newToken(modes.split)
  const cases: [string, Partial<SecretFields>, string][] = [
    ['a token that is none', { recordKey: 'rvk1_' }, 'record_key'],
    [
      'a token with a wrong symbol',
      { recordKey: `${token.slice(0, -1)}${token.endsWith('a') ? 'b' : 'a'}` },
      'record_key',
    ],
    ['a token of another mode', { recordKey: token, keyMode: modes.client }, 'key_mode'],
    ['a token in mode server', { recordKey: token, keyMode: modes.server }, 'key_mode'],
    ['a token and an unknown mode', { recordKey: token, keyMode: 9 as never }, 'key_mode'],
    ['a token and a write id', { recordKey: token, writeId }, 'write_id'],
    ['a write id of 31 bytes', { writeId: randomBytes(31) }, 'write_id'],
    ['a write id of 33 bytes', { writeId: randomBytes(33), keyMode: modes.server }, 'write_id'],
    ['a write id in mode client', { writeId, keyMode: modes.client }, 'write_id'],
    ['a write id in mode split', { writeId, keyMode: modes.split }, 'write_id'],
    ['an unknown mode', { writeId, keyMode: 9 as never }, 'key_mode'],
    ['the age of an attempt without a secret', { triedMsAgo: 1 }, 'tried_ms_ago'],
  ]
  for (const [what, fields, field] of cases) {
    it(`is refused for ${what}, by the name of the field and without the secret`, async () => {
      const error = await refusal((async () => writeKindOf({ ...none, ...fields }, modes.split))())
      expect([error.reason, error.fields.map((each) => each.field)]).to.deep.equal(['INVALID_REQUEST', [field]])
      expect(error.message).not.to.include(token.slice(5, 40))
    })
  }

  it('is wiped when its mode is refused', async () => {
    const refused = async () => writeKindOf({ ...none, recordKey: token, keyMode: modes.client }, modes.split)
    expect(await keysClosedDuring(() => refusal(refused()))).to.equal(1)
  })

  it('of a restore is called new_record_key', async () => {
    const bad = (async () => writeKindOf({ ...none, recordKey: 'no' }, modes.split, 'new_record_key'))()
    expect((await refusal(bad)).fields[0]?.field).to.equal('new_record_key')
  })
})
