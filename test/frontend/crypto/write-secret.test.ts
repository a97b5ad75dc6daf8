// docs/crypto.md section 6 (f) against its vectors, and what they cannot show: sizes, wiping, separation.
import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { expect } from 'chai'
import { HmacKey } from '../../../src/frontend/crypto/hmac.js'
import { startSeal } from '../../../src/frontend/crypto/record.js'
import { runningDigest } from '../../../src/frontend/crypto/running-digest.js'
import { hashContents, tokenSecret, writeDigest, writeIdSecret } from '../../../src/frontend/crypto/write-secret.js'
import { type SecretFields, writeKindOf } from '../../../src/frontend/service/write-secrets.js'
import type { Vault } from '../../../src/frontend/vault/vault.js'
import { answerKnown } from '../../../src/frontend/write/known-write.js'
import type { RecordWrite, SealedWrite } from '../../../src/frontend/write/record-write.js'
import { digestOf } from '../../../src/frontend/write/write-proof.js'
import { SealedRecord, StoredEnvelope, UserDocument } from '../../../src/gen/encserver/v1/backend.js'
import { StoreRecordRequest } from '../../../src/gen/encserver/v1/frontend.js'
import { SealedAttributes } from '../../../src/gen/encserver/v1/sealed.js'
import { newSecret, newToken } from '../tokens.js'
import { bothSuites, identity, reasonOf } from './fixtures.js'
import { hex, messageOf, runAll, testsOf, type Vector, vectorFile } from './vectors.js'
import { writeVectors } from './write-vectors.js'

const file = vectorFile('record-write-v1')
const group = (type: string) => testsOf(file).filter((test) => test['type'] === type)
const none: SecretFields = { recordKey: '', writeId: Buffer.alloc(0), keyMode: 0, triedMsAgo: 0 }

describe('the vectors of repeated writes', () => {
  it('are those of the second implementation', () => {
    expect(file).to.deep.equal(JSON.parse(JSON.stringify(writeVectors())))
    expect(testsOf(file)).to.have.length(file.numberOfTests)
  })

  it('give a write id its key id (WriteId)', () => {
    runAll(group('WriteId'), 8, ({ writeId, keyId, result, error }) => {
      const read = () => writeKindOf({ ...none, writeId: hex(writeId) }, 3).secret
      if (result === 'invalid') return expect(reasonOf(read)).to.equal(error)
      return expect(read()?.keyId.toString('hex')).to.equal(keyId)
    })
  })

  it('give a write its digest (WriteDigest)', () => {
    runAll(group('WriteDigest'), 12, (test) => {
      const contents = messageOf(test)
      const contentsHash = hashContents(contents)
      expect(contentsHash.toString('hex')).to.equal(test['contentsHash'])
      const secret = secretOf({ mode: test['mode'], s: hex(test['s']) })
      const written = { sizeBytes: contents.length, contentsHash, attributes: hex(test['attributes']) }
      expect(writeDigest(secret, identityOf(test), written).toString('hex')).to.equal(test['digest'])
    })
  })

  it('decide what a repeat is answered (RepeatedWrite)', async () => {
    const tests = group('RepeatedWrite')
    const outcomes = await Promise.all(tests.map((test) => outcomeOf(test).catch(({ reason }) => reason)))
    const expected = tests.map(({ result, error }) => (result === 'valid' ? 7n : error))
    expect(outcomes).to.deep.equal(expected)
    expect(tests).to.have.length(84)
  })
})

function identityOf({ realm, userId, recordName, callerAad }: Vector) {
  return { realm, userId, recordName, callerAad: hex(callerAad) }
}

function secretOf({ mode, s }: { mode: number; s: Buffer }) {
  return mode === 2 ? writeIdSecret(s) : tokenSecret(newToken(mode as 1 | 3, randomBytes(16), s), 'record_key')
}

/** The version that the production code answers a repeat with; only the look-up of the user key is replaced. */
async function outcomeOf(test: Vector): Promise<bigint> {
  const { realm, userId, recordName, callerAad } = identityOf(test)
  const userKey = { uid: Buffer.alloc(16), generation: 1, key: new HmacKey(hex(test['userKey'])) }
  const keys = { open: async () => userKey }
  const vault = { keyring: { realm }, readSuites: bothSuites, userKeys: keys } as unknown as Vault
  const fields = { recordKey: test['token'] ?? '', writeId: hex(test['writeId'] ?? '') }
  const { attributes, expireTime } = SealedAttributes.decode(hex(test['attributes']))
  const request = StoreRecordRequest.create({ userId, recordName, callerAad, attributes, expireTime, ...fields })
  const write = { request, ...writeKindOf(request, 3) } as RecordWrite
  const contents = hex(test['msg'])
  const digest = digestOf(vault, write, { sizeBytes: contents.length, hash: () => hashContents(contents) })
  const record = SealedRecord.create({ envelope: hex(test['header']), entryBox: hex(test['entryBox']) })
  const known = { record, user: UserDocument.create(), stored: StoredEnvelope.create({ version: 7n }) }
  return (await answerKnown(vault, { write, writeDigest: digest } as SealedWrite, known)).version
}

describe('the secret of a caller', () => {
  it('seals under a new salt each time, and keeps its key id and token', () => {
    for (const mode of [1, 2, 3] as const) {
      const { fields, keyId, recordKey } = newSecret(mode)
      const { secret } = writeKindOf({ ...none, ...(fields as Partial<SecretFields>) }, 3)
      let draws = 0
      const random = { fill: (memory: Buffer) => memory.fill(++draws) }
      const seals = [1, 2].map(() => startSeal({ ...identity, mode, suite: 1, chunkLog2: 16 }, random, secret))
      for (const seal of seals) {
        expect([seal.keyId, seal.token]).to.deep.equal([keyId, recordKey])
        expect(seal.header.subarray(8, 24)).to.deep.equal(keyId)
      }
      const [one, other] = seals
      expect(one?.header.subarray(24)).not.to.deep.equal(other?.header.subarray(24))
      expect(one?.cipher.key).not.to.deep.equal(other?.cipher.key)
      for (const seal of seals) seal.close()
    }
  })

  it('of another mode than the write is a bug', () => {
    const secret = writeIdSecret(randomBytes(32))
    const terms = { ...identity, mode: 1, suite: 1, chunkLog2: 16 } as const
    expect(reasonOf(() => startSeal(terms, { fill: (memory) => memory }, secret))).to.equal('INTERNAL')
  })

  it('is wiped with its key, and its key prints as nothing', () => {
    const s = randomBytes(32)
    const secret = writeIdSecret(s)
    expect(inspect(secret, { showHidden: true, depth: 9 })).not.to.include(inspect(s).slice(8, 30))
    secret.key.close()
    const written = { sizeBytes: 0, contentsHash: hashContents(Buffer.alloc(0)), attributes: Buffer.alloc(0) }
    expect(reasonOf(() => writeDigest(secret, identity, written))).to.equal('INTERNAL')
  })

  it('has a running digest that equals that of the whole contents, and tells it twice', () => {
    const contents = randomBytes(100_000)
    const digest = runningDigest()
    for (let at = 0; at < contents.length; at += 7_777) digest.update(contents.subarray(at, at + 7_777))
    expect(digest.finish()).to.deep.equal(hashContents(contents))
    expect(digest.finish()).to.deep.equal(hashContents(contents))
  })
})
