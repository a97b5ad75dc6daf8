import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { expect } from 'chai'
import fc from 'fast-check'
import { VaultError } from '../../../src/core/errors.js'
import { HmacKey } from '../../../src/frontend/crypto/hmac.js'
import { randomSource } from '../../../src/frontend/crypto/random.js'
import { parseKeyring } from '../../../src/frontend/keys/keyring.js'
import { newKeyringText } from '../../../src/frontend/keys/keyring-checksum.js'

const random = randomSource()
const probe = Buffer.from('probe')
const newKey = () => randomBytes(32).toString('base64')

interface Entry {
  number: unknown
  state: unknown
  key: unknown
}

const active = (number: unknown = 1): Entry => ({ number, state: 'active', key: newKey() })
const readable = (number: unknown): Entry => ({ number, state: 'read', key: newKey() })

function text(changes: object = {}): string {
  const whole = {
    format: 1,
    keyring_id: randomBytes(16).toString('hex'),
    realm: 'test',
    pseudonym_keys: [active()],
    key_encryption_keys: [active()],
  }
  return JSON.stringify({ ...whole, ...changes })
}

function refusalOf(keyring: string): VaultError {
  try {
    parseKeyring(keyring)
  } catch (error) {
    if (error instanceof VaultError) return error
    throw error
  }
  return expect.fail('took a damaged keyring')
}

/** Everything an error may bring to a screen or a log. */
function shown(error: VaultError): string {
  return inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error) + inspect(error.cause)
}

describe('a keyring', () => {
  it('new, has one active key of each sort, an id and the realm', () => {
    const made = newKeyringText('a realm', random)
    const { keyringId, realm, pseudonymKeys, keyEncryptionKeys } = parseKeyring(made)
    expect(keyringId).to.have.length(16)
    expect(realm).to.equal('a realm')
    expect(pseudonymKeys.map(({ kid, state }) => [kid, state])).to.deep.equal([[1, 'active']])
    expect(keyEncryptionKeys.map(({ version, state }) => [version, state])).to.deep.equal([[1, 'active']])
    const [one, other] = [pseudonymKeys[0]!.key.mac(probe), keyEncryptionKeys[0]!.key.mac(probe)]
    expect(one.equals(other)).to.equal(false)
    expect(newKeyringText('a realm', random)).not.to.equal(made)
  })

  it('holds the very keys of the file', () => {
    const key = Buffer.alloc(32, 7)
    const keyring = parseKeyring(text({ pseudonym_keys: [{ ...active(), key: key.toString('base64') }] }))
    expect(keyring.pseudonymKeys[0]!.key.mac(probe)).to.deep.equal(new HmacKey(key).mac(probe))
  })

  it('lists the active key first, then the others, newest first', () => {
    const keys = [readable(3), readable(9), active(5), readable(4_294_967_295), readable(1)]
    const { keyEncryptionKeys } = parseKeyring(text({ key_encryption_keys: keys }))
    expect(keyEncryptionKeys.map(({ version }) => version)).to.deep.equal([5, 4_294_967_295, 9, 3, 1])
  })

  it('refuses a second pseudonym key, under which stores would hide the older records', () => {
    const keys = [active(2), readable(1)]
    expect(() => parseKeyring(text({ pseudonym_keys: keys }))).to.throw(
      'the keyring has more than one pseudonym key, and this version cannot move records between them',
    )
  })

  it('prints and serialises without a key', () => {
    const made = text()
    const keyring = parseKeyring(made)
    const printed = inspect(keyring, { depth: 10, showHidden: true }) + JSON.stringify(keyring)
    for (const { key } of [...JSON.parse(made).pseudonym_keys, ...JSON.parse(made).key_encryption_keys]) {
      const bytes = Buffer.from(key, 'base64')
      const forms = [key, bytes.toString('hex'), [...bytes].join(','), bytes.toString('hex').match(/../g)!.join(' ')]
      for (const form of forms) expect(printed).not.to.include(form)
    }
  })

  const damages: [string, string, string][] = [
    ['no text', '', 'it is not JSON'],
    ['cut', text().slice(0, -20), 'it is not JSON'],
    ['null', 'null', 'it is not an object'],
    ['a number', '7', 'it is not an object'],
    ['a list', '[]', 'its format is not known to this version'],
    ['without a format', text({ format: undefined }), 'its format is not known to this version'],
    ['of another format', text({ format: 2 }), 'its format is not known to this version'],
    ['of a format in words', text({ format: '1' }), 'its format is not known to this version'],
    ['without an id', text({ keyring_id: undefined }), 'keyring_id is not 32 hex digits'],
    ['with a short id', text({ keyring_id: 'ab' }), 'keyring_id is not 32 hex digits'],
    ['with an id in upper case', text({ keyring_id: 'AB'.repeat(16) }), 'keyring_id is not 32 hex digits'],
    ['with a list as id', text({ keyring_id: ['ab'.repeat(16)] }), 'keyring_id is not 32 hex digits'],
    ['without a realm', text({ realm: undefined }), 'realm is not 1 to 128 bytes of text'],
    ['with an empty realm', text({ realm: '' }), 'realm is not 1 to 128 bytes of text'],
    ['with a realm of 129 bytes', text({ realm: 'r'.repeat(129) }), 'realm is not 1 to 128 bytes of text'],
    ['with a realm that is no text', text({ realm: '\ud800' }), 'realm is not 1 to 128 bytes of text'],
    ['without pseudonym keys', text({ pseudonym_keys: undefined }), 'pseudonym_keys is missing'],
    ['without key-encryption keys', text({ key_encryption_keys: {} }), 'key_encryption_keys is missing'],
    ['with no key', text({ pseudonym_keys: [] }), 'pseudonym_keys must have one active key'],
    ['with no active key', text({ pseudonym_keys: [readable(1)] }), 'pseudonym_keys must have one active key'],
    [
      'with two active keys',
      text({ key_encryption_keys: [active(1), active(2)] }),
      'key_encryption_keys must have one active key',
    ],
    ['with a number twice', text({ pseudonym_keys: [active(1), readable(1)] }), 'pseudonym_keys repeats a number'],
    ['with a key that is null', text({ pseudonym_keys: [null] }), 'pseudonym_keys has no valid number'],
    ['with number 0', text({ pseudonym_keys: [active(0)] }), 'pseudonym_keys has no valid number'],
    ['with number 1.5', text({ pseudonym_keys: [active(1.5)] }), 'pseudonym_keys has no valid number'],
    ['with number 2^32', text({ pseudonym_keys: [active(2 ** 32)] }), 'pseudonym_keys has no valid number'],
    ['with a number in words', text({ pseudonym_keys: [active('1')] }), 'pseudonym_keys has no valid number'],
    [
      'with a retired key',
      text({ pseudonym_keys: [{ ...active(), state: 'retired' }] }),
      'pseudonym_keys 1 has an unknown state',
    ],
    ...(
      [
        ['31 bytes', randomBytes(31).toString('base64')],
        ['33 bytes', randomBytes(33).toString('base64')],
        ['base64url', `${'-_'.repeat(21)}-=`],
        ['hex', randomBytes(32).toString('hex')],
        ['a space', ` ${newKey()}`],
        ['nothing', undefined],
        ['a number', 5],
      ] as [string, unknown][]
    ).map(([what, key]): [string, string, string] => [
      `with a key that is ${what}`,
      text({ key_encryption_keys: [{ ...active(), key }] }),
      'key_encryption_keys 1 is not a key',
    ]),
  ]
  for (const [what, damaged, why] of damages) {
    it(`is refused when it is ${what}`, () => {
      const { reason, message } = refusalOf(damaged)
      expect(reason).to.equal('INVALID_REQUEST')
      expect(message).to.equal(`the keyring is damaged: ${why}; restore it from its backup`)
    })
  }

  it('damaged anywhere shows no part of itself in the error', () => {
    const whole = newKeyringText('test', random)
    const secrets = [...whole.matchAll(/"key": "([^"]+)"/g)].map(([, key]) => key!)
    for (let at = 0; at < whole.length; at += 1) {
      for (const damaged of [whole.slice(0, at), `${whole.slice(0, at)}"${whole.slice(at)}`]) {
        let error: VaultError
        try {
          parseKeyring(damaged)
          continue
        } catch (thrown) {
          error = thrown as VaultError
        }
        expect(error).to.be.instanceOf(VaultError)
        const all = shown(error)
        for (const secret of secrets) expect(all).not.to.include(secret.slice(0, 8))
        for (const secret of secrets) expect(all).not.to.include(secret.slice(-12))
      }
    }
  })

  it('of any shape is either whole or refused', () => {
    const entry = fc.record({ number: fc.jsonValue(), state: fc.constantFrom('active', 'read', 1), key: fc.string() })
    const shape = fc.record(
      {
        format: fc.constant(1),
        keyring_id: fc.oneof(fc.jsonValue(), fc.constant('0'.repeat(32)), fc.constant(['0'.repeat(32)])),
        realm: fc.jsonValue(),
        pseudonym_keys: fc.oneof(fc.jsonValue(), fc.array(entry), fc.constant([active()])),
        key_encryption_keys: fc.oneof(fc.jsonValue(), fc.array(entry), fc.constant([active()])),
      },
      { requiredKeys: ['format'] },
    )
    fc.assert(
      fc.property(shape, (value) => {
        try {
          expect(parseKeyring(JSON.stringify(value)).keyringId).to.have.length(16)
        } catch (error) {
          expect(error).to.be.instanceOf(VaultError)
        }
      }),
    )
  })
})
