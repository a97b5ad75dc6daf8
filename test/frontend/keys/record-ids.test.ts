import { expect } from 'chai'
import { HmacKey } from '../../../src/frontend/crypto/hmac.js'
import { randomSource } from '../../../src/frontend/crypto/random.js'
import { type Keyring, parseKeyring } from '../../../src/frontend/keys/keyring.js'
import { newKeyringText } from '../../../src/frontend/keys/keyring-checksum.js'
import { recordIds } from '../../../src/frontend/keys/record-ids.js'
import { group } from '../crypto/vectors.js'

/** The pseudonym keys of the vectors: number 2 active, number 1 still looked up. */
function keyring(realm = 'test'): Keyring {
  const vectors = group('Pseudonym')
  const keyOf = (kid: number) => {
    const hex = vectors.find((vector) => vector['kid'] === kid)!['key'] as string
    return new HmacKey(Buffer.from(hex, 'hex'))
  }
  const pseudonymKeys: Keyring['pseudonymKeys'] = [
    { kid: 2, state: 'active', key: keyOf(2), check: Buffer.alloc(37) },
    { kid: 1, state: 'read', key: keyOf(1), check: Buffer.alloc(37) },
  ]
  return { ...parseKeyring(newKeyringText('test', randomSource())), realm, pseudonymKeys }
}

describe('where a record lies', () => {
  const name = { userId: 'alice@example.test', recordName: 'passport-scan' }
  const { users, records, recordPseudonym } = recordIds(keyring())

  it('is under every live key, the active one first, as the vectors have it (T11 to T13)', () => {
    expect(users(name.userId).map((id) => id.toString('hex'))).to.deep.equal([
      '000000025ed5a58792e42233e5388da667a5d42ed72dc655573337ba42b7d324b5f1461a',
      '000000017b14ed7a9d8586bb313348bc207558717cbc14332eae541867ddf9afec3a4514',
    ])
    const [active, old] = records(name)
    expect(old!.toString('hex')).to.equal(
      '000000017b14ed7a9d8586bb313348bc207558717cbc14332eae541867ddf9afec3a4514' +
        '00000001fd9e998ed8a2a9162854a698dc4048e715fd19907dad1b8286c37544f610e5a6',
    )
    expect(active!.subarray(0, 36)).to.deep.equal(users(name.userId)[0])
  })

  it('has both halves under the same key', () => {
    for (const id of records(name)) {
      const kid = id.readUInt32BE(0)
      expect(id.readUInt32BE(36)).to.equal(kid)
      expect(recordPseudonym(kid, name)).to.deep.equal(id.subarray(36))
    }
    expect(recordPseudonym(3, name)).to.equal(undefined)
    expect(recordPseudonym(0, name)).to.equal(undefined)
  })

  it('differs by user, name and realm', () => {
    const others = [
      records({ ...name, userId: 'bob@example.test' }),
      records({ ...name, recordName: '' }),
      recordIds(keyring('other')).records(name),
    ].map(([id]) => id!.toString('hex'))
    const all = new Set([...others, records(name)[0]!.toString('hex')])
    expect(all).to.have.property('size', 4)
    expect(records({ ...name, userId: 'bob' })[0]!.subarray(36)).not.to.deep.equal(records(name)[0]!.subarray(36))
  })
})
