// What the front end's methods share: its keys, its back end and how it writes.

import { type FrontendConfig, suites } from './config.js'
import type { Suite } from './crypto/aead.js'
import { type Mode, modes } from './crypto/envelope.js'
import { type RandomSource, randomSource } from './crypto/random.js'
import { type Backend, guardedBackend } from './guarded-backend.js'
import type { Keyring } from './keyring.js'
import { localKms } from './kms/local-kms.js'
import { type LegacyImport, legacyImport } from './legacy-import.js'
import { type RecordIds, recordIds } from './record-ids.js'
import { type UserKeys, userKeys } from './user-keys.js'

export interface Vault {
  backend: Backend
  keyring: Keyring
  ids: RecordIds
  userKeys: UserKeys
  random: RandomSource
  write: { suite: Suite; chunkLog2: number }
  readSuites: readonly Suite[]
  /** For a request that does not say. */
  defaultMode: Mode
  maxRecordBytes: number
  legacyImport: LegacyImport
}

export interface VaultParts {
  config: FrontendConfig
  keyring: Keyring
  backend: Backend
  /** Tests bring their own. */
  random?: RandomSource
}

const readSuites: readonly Suite[] = [1, 2]

export function openVault({ config, keyring, backend, random = randomSource() }: VaultParts): Vault {
  const suite = (suites.indexOf(config.writeSuite) + 1) as Suite
  const kms = localKms({ keys: keyring.keyEncryptionKeys, writeSuite: suite, readSuites, random })
  const { realm } = keyring
  return {
    backend: guardedBackend(backend),
    keyring,
    ids: recordIds(keyring),
    userKeys: userKeys({ realm, providers: [kms], random, limits: config.userKeyCache }),
    random,
    write: { suite, chunkLog2: config.chunkLog2 },
    readSuites,
    defaultMode: modes[config.keyMode],
    maxRecordBytes: config.maxRecordBytes,
    legacyImport: legacyImport(config.legacyImport),
  }
}

/** Wipes every key; the vault answers no call after. */
export function closeVault({ userKeys, keyring }: Vault): void {
  userKeys.close()
  for (const { key } of [...keyring.pseudonymKeys, ...keyring.keyEncryptionKeys]) key.close()
}
