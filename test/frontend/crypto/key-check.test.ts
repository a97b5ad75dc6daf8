// docs/crypto.md section 8 (key checks, keyring file) against their vectors, and the separation of key checks from
// all else that the same key computes.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { isKeyCheck, keyKinds, keyNameOf, sameKeyName } from '../../../src/core/key-check.js'
import { sealBox } from '../../../src/frontend/crypto/box.js'
import { HmacKey } from '../../../src/frontend/crypto/hmac.js'
import { keyCheck } from '../../../src/frontend/crypto/key-check.js'
import { userPseudonym } from '../../../src/frontend/crypto/pseudonym.js'
import { randomSource } from '../../../src/frontend/crypto/random.js'
import { parseKeyring } from '../../../src/frontend/keys/keyring.js'
import { watchingMacs } from '../refusal.js'
import { reasonOf } from './fixtures.js'
import { keyCheckVectors } from './key-check-vectors.js'
import { hex, runAll, testsOf, vectorFile } from './vectors.js'

const file = vectorFile('key-check-v1')
const group = (type: string) => testsOf(file).filter((test) => test['type'] === type)

describe('the vectors of key checks', () => {
  it('are those of the second implementation', () => {
    expect(file).to.deep.equal(JSON.parse(JSON.stringify(keyCheckVectors())))
    expect(testsOf(file)).to.have.length(file.numberOfTests)
  })

  it('give a key its check (KeyCheck)', () => {
    runAll(group('KeyCheck'), 7, ({ key, kind, number, check }) => {
      expect(keyCheck(new HmacKey(hex(key)), kind, number).toString('hex')).to.equal(check)
    })
  })

  it('decide which keyring files are used (KeyringFile)', () => {
    runAll(group('KeyringFile'), 13, ({ text, result, error }) => {
      const parse = () => parseKeyring(text)
      if (result === 'valid') return expect(parse().realm).to.equal('test')
      return expect(reasonOf(parse)).to.equal(error)
    })
  })
})

describe('a key check', () => {
  it('differs for each kind, number and key, and names its key', () => {
    const keys = [new HmacKey(randomBytes(32)), new HmacKey(randomBytes(32))]
    const checks = keys.flatMap((key) =>
      Object.values(keyKinds).flatMap((kind) => [1, 2, 2 ** 32 - 1].map((number) => keyCheck(key, kind, number))),
    )
    expect(new Set(checks.map((check) => check.subarray(5).toString('hex'))).size).to.equal(12)
    expect(checks.every(isKeyCheck)).to.equal(true)
    expect(checks.slice(0, 6).map(keyNameOf)).to.deep.equal([
      'pseudonym key 1',
      'pseudonym key 2',
      'pseudonym key 4294967295',
      'key-encryption key 1',
      'key-encryption key 2',
      'key-encryption key 4294967295',
    ])
    for (const [at, check] of checks.entries()) {
      for (const [other, its] of checks.entries()) expect(sameKeyName(check, its)).to.equal(at % 6 === other % 6)
    }
  })

  it('is the PRF value of an input that no pseudonym and no box has', async () => {
    const key = new HmacKey(randomBytes(32))
    const inputs: string[] = []
    await watchingMacs(
      (parts) => inputs.push(Buffer.concat(parts).toString('latin1')),
      async () => {
        for (const kind of Object.values(keyKinds)) keyCheck(key, kind, 1)
        userPseudonym({ kid: 1, key }, { realm: 'r', userId: 'u' })
        const terms = { key, generation: 1, purpose: 'userKey', contextHash: randomBytes(32), suite: 1 } as const
        sealBox(terms, randomBytes(32), randomSource())
      },
    )
    const label = 'record-vault/v1/key-check\0'
    expect(inputs.map((input) => [input.startsWith(label), input.length === 32])).to.deep.equal([
      [true, true],
      [true, true],
      [false, false],
      [false, false],
      [false, false],
    ])
  })
})
