// The local key provider: it wraps a user key in a box under a key-encryption key of the keyring. The generation of the box
// is the version of that key.
import type { Suite } from '../crypto/aead.js'
import { openBox, sealBox } from '../crypto/box.js'
import { contextHash, userKeyContext } from '../crypto/context.js'
import { corrupt, mismatch } from '../crypto/errors.js'
import { keySize } from '../crypto/hmac.js'
import type { RandomSource } from '../crypto/random.js'
import { providers } from '../crypto/wrapped-key.js'
import type { KeyProvider } from './key-provider.js'
import type { KeyEncryptionKey } from './keyring.js'

const keyRef = 'kek'

/** What the local key provider is made of. */
export interface LocalKmsParts {
  /** The active key first. */
  keys: Omit<KeyEncryptionKey, 'check'>[]
  writeSuite: Suite
  readSuites: readonly Suite[]
  random: RandomSource
}

/** The key provider over the keyring's key-encryption keys. */
export function localKms({ keys, writeSuite, readSuites, random }: LocalKmsParts): KeyProvider {
  const active = keys.find(({ state }) => state === 'active')
  if (active === undefined) throw mismatch('no active key-encryption key')
  const { key, version } = active
  return {
    provider: providers.local,
    keyRef,
    async wrap(userKey, context) {
      const hash = contextHash(userKeyContext(context))
      const terms = { key, generation: version, purpose: 'userKey', contextHash: hash, suite: writeSuite } as const
      return { provider: providers.local, keyRef, keyVersion: version, ciphertext: sealBox(terms, userKey, random) }
    },
    async unwrap({ keyVersion, ciphertext }, context) {
      const wrapping = keys.find((known) => known.version === keyVersion)
      if (wrapping === undefined) throw mismatch('key-encryption key version')
      const hash = contextHash(userKeyContext(context))
      const expected = {
        key: wrapping.key,
        generation: keyVersion,
        purpose: 'userKey',
        contextHash: hash,
        readSuites,
      } as const
      const userKey = openBox(expected, ciphertext)
      if (userKey.length !== keySize) throw corrupt('user key length')
      return userKey
    },
  }
}
