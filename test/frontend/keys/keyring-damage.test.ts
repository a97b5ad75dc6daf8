// A keyring with a changed character, and a keyring with a changed key whose checksum was made anew: the first is found by its
// checksum, the second by the store it does not belong to.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { VaultError } from '../../../src/core/errors.js'
import { randomSource } from '../../../src/frontend/crypto/random.js'
import { identityOf, type Keyring, parseKeyring } from '../../../src/frontend/keys/keyring.js'
import { textOf } from '../../../src/frontend/keys/keyring-checksum.js'
import { type KeyringFile, keyLists, parseKeyringText } from '../../../src/frontend/keys/keyring-text.js'
import { loadKeyring } from '../../../src/frontend/keys/load-keyring.js'
import { refusal } from '../refusal.js'
import { call, frontendConfig, keyringText, openWorld, type World } from '../world.js'

const data = Buffer.from('contents')
const printable = Array.from({ length: 95 }, (_, at) => String.fromCharCode(0x20 + at))
const characters = [...printable, '\n', '\t', '\0', '\u00a0']

/** All that a keyring decides; keys show in their checks. */
function meaningOf(keyring: Keyring): string {
  const { keyringId, keyChecks } = identityOf(keyring)
  const states = [...keyring.pseudonymKeys, ...keyring.keyEncryptionKeys].map(({ state }) => state)
  return JSON.stringify([
    keyring.realm,
    keyringId.toString('hex'),
    keyChecks.map((check) => check.toString('hex')),
    states,
  ])
}

/** The meaning of a text; undefined if it is refused in words that name the keyring and quote nothing. */
function readAs(text: string, secrets: string[]): string | undefined {
  try {
    return meaningOf(parseKeyring(text))
  } catch (error) {
    expect(error).to.be.instanceOf(VaultError)
    const { reason, message } = error as VaultError
    expect(reason).to.equal('INVALID_REQUEST')
    expect(message).to.match(/^the keyring (is damaged: |does not match its checksum|has more than one pseudonym key)/)
    for (const secret of secrets) expect(message).not.to.include(secret.slice(0, 6))
    return undefined
  }
}

function flipBit(file: KeyringFile, list: (typeof keyLists)[number], bit: number): KeyringFile {
  const flipped = structuredClone(file)
  const entry = flipped[list][0]!
  const key = Buffer.from(entry.key, 'base64')
  key[bit >> 3]! ^= 1 << (bit & 7)
  return { ...flipped, [list]: [{ ...entry, key: key.toString('base64') }] }
}

describe('a keyring file with an accident', () => {
  const text = keyringText('test')
  const secrets = [...text.matchAll(/"(?:key|checksum)": "([^"]+)"/g)].map(([, value]) => value!)
  const meaning = readAs(text, secrets)
  const isSpace = (at: number) => /\s/.test(text[at] ?? '')

  it('is refused for each single changed character at each position, except in the space between values', () => {
    expect(meaning).to.be.a('string')
    let accepted = 0
    for (let at = 0; at < text.length; at += 1) {
      for (const character of characters) {
        if (character === text[at]) continue
        const found = readAs(text.slice(0, at) + character + text.slice(at + 1), secrets)
        if (found === undefined) continue
        accepted += 1
        expect([found, isSpace(at), /\s/.test(character)], `position ${at}`).to.deep.equal([meaning, true, true])
      }
    }
    expect(accepted).to.be.above(0)
  })

  it('is refused for each missing character, and each added one that changes its meaning', () => {
    for (let at = 0; at <= text.length; at += 1) {
      const without = readAs(text.slice(0, at) + text.slice(at + 1), secrets)
      if (without !== undefined) expect([without, at === text.length || isSpace(at)]).to.deep.equal([meaning, true])
      for (const character of characters) {
        const longer = readAs(text.slice(0, at) + character + text.slice(at), secrets)
        if (longer !== undefined) expect(longer, `${character} at position ${at}`).to.equal(meaning)
      }
    }
  })

  it('is refused when two characters are exchanged, or a line is lost or doubled', () => {
    for (let at = 0; at + 1 < text.length; at += 1) {
      if (text[at] === text[at + 1]) continue
      const found = readAs(text.slice(0, at) + text[at + 1]! + text[at]! + text.slice(at + 2), secrets)
      if (found !== undefined) expect(found).to.equal(meaning)
    }
    const lines = text.split('\n')
    for (const at of lines.keys()) {
      const lost = readAs(lines.toSpliced(at, 1).join('\n'), secrets)
      const doubled = readAs(lines.toSpliced(at, 0, lines[at]!).join('\n'), secrets)
      for (const found of [lost, doubled]) if (found !== undefined) expect(found).to.equal(meaning)
    }
  })

  it('names the key that was changed', () => {
    const file = parseKeyringText(text)
    for (const list of keyLists) {
      const changed = JSON.stringify(flipBit(file, list, 77))
      expect(() => parseKeyring(changed)).to.throw(
        `the keyring does not match its checksum (changed: ${list} 1): restore it from its backup, or, ` +
          'after an edit on purpose, run `enc-server keyring verify --write-checksum`',
      )
    }
    expect(() => parseKeyring(JSON.stringify({ ...file, realm: 'tests' }))).to.throw(
      'the keyring does not match its checksum (changed: its realm, keyring_id, checksum or list of keys)',
    )
  })

  it('of an earlier version is read, and is known to have no checksum', () => {
    const { checksum: _, ...file } = parseKeyringText(text)
    for (const list of keyLists) for (const entry of file[list]) delete entry.checksum
    const older = parseKeyring(JSON.stringify(file))
    expect([meaningOf(older), older.hasChecksum]).to.deep.equal([meaning, false])
    expect(parseKeyring(text).hasChecksum).to.equal(true)
    expect(meaningOf(parseKeyring(textOf(file)))).to.equal(meaning)
    expect(textOf(file)).to.equal(text)
  })

  it('is the same keyring in another layout', () => {
    const file = JSON.parse(text)
    const reversed = Object.fromEntries(Object.entries(file).reverse())
    for (const layout of [JSON.stringify(file), JSON.stringify(reversed, null, '\t'), text.replaceAll('\n', '\r\n')]) {
      expect(readAs(layout, secrets)).to.equal(meaning)
    }
  })
})

describe('a keyring with a changed key and a new checksum', () => {
  let folder: string
  let keyringFile: string
  let world: World
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'enc-server-damage-'))
    keyringFile = join(folder, 'keyring.json')
    world = await openWorld()
    await world.frontEnd().store({ userId: 'u', data })
  })
  after(async () => {
    await world.close()
    await rm(folder, { recursive: true })
  })

  const load = async (file: KeyringFile) => {
    await writeFile(keyringFile, textOf(file), { mode: 0o600 })
    return loadKeyring(frontendConfig({ keyringFile }), await world.backend.getStoreInfo({}, call), randomSource())
  }

  it('is loaded as it was written', async () => {
    expect((await load(parseKeyringText(world.keyringText))).created).to.equal(false)
  })

  for (const [list, name] of [
    ['pseudonym_keys', 'pseudonym key 1'],
    ['key_encryption_keys', 'key-encryption key 1'],
  ] as const) {
    it(`is refused beside its store, by name, for each bit of ${name}`, async () => {
      const file = parseKeyringText(world.keyringText)
      for (let bit = 0; bit < 256; bit += 1) {
        const { reason, message } = await refusal(load(flipBit(file, list, bit)))
        expect([reason, message]).to.deep.equal([
          'KEYRING_MISMATCH',
          `${name} of the keyring is not the key that this store was written with: restore the keyring from its backup`,
        ])
      }
    })

    it(`is refused when ${name} has another number`, async () => {
      const file = parseKeyringText(world.keyringText)
      const renumbered = { ...file, [list]: [{ ...file[list][0]!, number: 2 }] }
      const { reason, message } = await refusal(load(renumbered))
      expect([reason, message]).to.deep.equal([
        'KEYRING_MISMATCH',
        `the keyring has no ${name}, which this store was written with: restore the keyring from its backup`,
      ])
    })
  }

  it('is refused with the keys exchanged', async () => {
    const file = parseKeyringText(world.keyringText)
    const [pseudonymKey, keyEncryptionKey] = [file.pseudonym_keys[0]!, file.key_encryption_keys[0]!]
    const exchanged = { ...file, pseudonym_keys: [keyEncryptionKey], key_encryption_keys: [pseudonymKey] }
    expect((await refusal(load(exchanged))).message).to.include('pseudonym key 1 of the keyring is not the key')
  })

  it('may have a further key-encryption key, which is bound by the first write under it', async () => {
    const file = parseKeyringText(world.keyringText)
    const [first] = file.key_encryption_keys
    const second = { number: 2, state: 'active', key: Buffer.alloc(32, 9).toString('base64') } as const
    const rotated: KeyringFile = { ...file, key_encryption_keys: [second, { ...first!, state: 'read' }] }
    await load(rotated)
    const frontEnd = world.frontEnd({ keyringText: textOf(rotated) })
    const boundKeys = async () => (await world.backend.getStoreInfo({}, call)).keyChecks.length
    expect(await boundKeys()).to.equal(2)
    const { recordKey } = await frontEnd.store({ userId: 'v', data })
    expect(await boundKeys()).to.equal(3)
    expect((await frontEnd.retrieve({ userId: 'v', recordKey })).data).to.deep.equal(data)
    const other = { ...second, key: Buffer.alloc(32, 8).toString('base64') }
    const wrong = await refusal(load({ ...rotated, key_encryption_keys: [other, { ...first!, state: 'read' }] }))
    expect(wrong.message).to.include('key-encryption key 2 of the keyring is not the key')
    expect((await refusal(load(file))).message).to.include('the keyring has no key-encryption key 2')
  })
})
