// The vectors of key checks and of the checksums of a keyring file: `npx tsx test/frontend/crypto/key-check-vectors.ts` prints
// test/vectors/key-check-v1.json. A second implementation of docs/crypto.md section 8, from the text and with
// `node:crypto` alone: no code of `src` is in it.
import { createHash, createHmac } from 'node:crypto'
import { fileURLToPath } from 'node:url'

const run = (from: number, length: number) => Buffer.from(Array.from({ length }, (_, at) => (from + at) & 0xff))
const hexOf = (bytes: Buffer) => bytes.toString('hex')

function checkOf(key: Buffer, kind: number, number: number): Buffer {
  const name = Buffer.alloc(5)
  name[0] = kind
  name.writeUInt32BE(number, 1)
  const info = Buffer.concat([Buffer.from('record-vault/v1/key-check\0'), name])
  const value = createHmac('sha256', key).update(info).update(Buffer.of(1)).digest()
  return Buffer.concat([name, value])
}

const checksumOf = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16)

interface Entry {
  number: number
  state: string
  key: string
}

const keyring = {
  format: 1,
  keyring_id: hexOf(run(0x10, 16)),
  realm: 'test',
  pseudonym_keys: [{ number: 1, state: 'active', key: run(0x80, 32).toString('base64') }],
  key_encryption_keys: [
    { number: 2, state: 'active', key: run(0x60, 32).toString('base64') },
    { number: 1, state: 'read', key: run(0x40, 32).toString('base64') },
  ],
}

/** The keyring file with its checksums. */
function summed({ format, keyring_id, realm, ...lists }: typeof keyring) {
  const values = (keys: Entry[]) => keys.map(({ number, state, key }) => [number, state, key])
  const all = [format, keyring_id, realm, values(lists.pseudonym_keys), values(lists.key_encryption_keys)]
  const withSum = (list: string, keys: Entry[]) =>
    keys.map((entry) => ({ ...entry, checksum: checksumOf([list, entry.number, entry.state, entry.key]) }))
  return {
    format,
    keyring_id,
    realm,
    pseudonym_keys: withSum('pseudonym_keys', lists.pseudonym_keys),
    key_encryption_keys: withSum('key_encryption_keys', lists.key_encryption_keys),
    checksum: checksumOf(all),
  }
}

function keyCheckTests() {
  const cases: [string, Buffer, number, number][] = [
    ['a pseudonym key', run(0x80, 32), 1, 1],
    ['the same key as a key-encryption key', run(0x80, 32), 2, 1],
    ['the same key under another number', run(0x80, 32), 1, 2],
    ['the largest number', run(0x80, 32), 1, 0xffff_ffff],
    ['a key-encryption key', run(0x40, 32), 2, 1],
    ['a key with one other bit', Buffer.concat([run(0x80, 31), Buffer.of(0x9e)]), 1, 1],
    ['zeros', Buffer.alloc(32), 1, 1],
  ]
  return cases.map(([comment, key, kind, number]) => {
    return { comment, key: hexOf(key), kind, number, check: hexOf(checkOf(key, kind, number)), result: 'valid' }
  })
}

function keyringTests() {
  const good = summed(keyring)
  const [first] = good.pseudonym_keys
  const [two, one] = good.key_encryption_keys
  const other = run(0x81, 32).toString('base64')
  const cases: [string, object, string][] = [
    ['with checksums', good, 'valid'],
    ['of an earlier version, without checksums', keyring, 'valid'],
    ['another pseudonym key', { ...good, pseudonym_keys: [{ ...first, key: other }] }, 'invalid'],
    ['another number', { ...good, pseudonym_keys: [{ ...first, number: 2 }] }, 'invalid'],
    [
      'exchanged states',
      {
        ...good,
        key_encryption_keys: [
          { ...two, state: 'read' },
          { ...one, state: 'active' },
        ],
      },
      'invalid',
    ],
    ['a key-encryption key less', { ...good, key_encryption_keys: [two] }, 'invalid'],
    ['another realm', { ...good, realm: 'test2' }, 'invalid'],
    ['another keyring_id', { ...good, keyring_id: hexOf(run(0x11, 16)) }, 'invalid'],
    ['another checksum', { ...good, checksum: checksumOf('') }, 'invalid'],
    ['another checksum of a key', { ...good, pseudonym_keys: [{ ...first, checksum: checksumOf('') }] }, 'invalid'],
    ['without the checksum of the file', { ...good, checksum: undefined }, 'invalid'],
    ['without the checksum of a key', { ...good, pseudonym_keys: keyring.pseudonym_keys }, 'invalid'],
    ['a misspelled field', { ...keyring, chekcsum: good.checksum }, 'invalid'],
  ]
  return cases.map(([comment, file, result]) => {
    return { comment, text: JSON.stringify(file), ...(result === 'invalid' && { error: 'INVALID_REQUEST' }), result }
  })
}

/** All vectors, as the file has them. */
export function keyCheckVectors() {
  const groups = [
    { type: 'KeyCheck', notes: 'check = u8 kind || u32 number || value', tests: keyCheckTests() },
    { type: 'KeyringFile', notes: 'text of a keyring file', tests: keyringTests() },
  ]
  let tcId = 0
  const testGroups = groups.map((group) => {
    return { ...group, tests: group.tests.map((test) => ({ tcId: ++tcId, ...test })) }
  })
  return { algorithm: 'record-vault', format: 'key-check-v1', numberOfTests: tcId, testGroups }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${JSON.stringify(keyCheckVectors(), null, 1)}\n`)
}
