import { expect } from 'chai'
import { HmacKey } from '../../../src/frontend/crypto/hmac.js'
import { recordPseudonym, userPseudonym } from '../../../src/frontend/crypto/pseudonym.js'
import { identity, reasonOf } from './fixtures.js'
import { group, hex, runAll } from './vectors.js'

describe('pseudonym', () => {
  it('agrees with the vectors', () => {
    runAll(group('Pseudonym'), 9, ({ kid, key, realm, userId, recordName, pseudonym }) => {
      const pseudonymKey = { kid, key: new HmacKey(hex(key)) }
      const user = { realm, userId }
      const ours =
        recordName === null ? userPseudonym(pseudonymKey, user) : recordPseudonym(pseudonymKey, { ...user, recordName })
      expect(ours.toString('hex')).to.equal(pseudonym)
    })
  })

  it('differs for ids that differ in spelling only', () => {
    const key = { kid: 1, key: new HmacKey(Buffer.alloc(32)) }
    const spellings = ['caf\u00e9', 'cafe\u0301', 'caf\u00e9\0', 'x'.repeat(1024), `${'x'.repeat(1023)}y`]
    const pseudonyms = spellings.map((userId) => userPseudonym(key, { realm: 'test', userId }).toString('hex'))
    expect(new Set(pseudonyms).size).to.equal(spellings.length)
    expect(reasonOf(() => userPseudonym(key, { realm: 'test', userId: '\ud800' }))).to.equal('INVALID_REQUEST')
    expect(reasonOf(() => recordPseudonym({ ...key, kid: 2 ** 32 }, identity))).to.equal('INTERNAL')
  })
})
