// The vault: the keys, back end, limits and write format that the front end's methods share.

import { type Clock, isPast, newClock } from '../../core/clock.js'
import { type FrontendConfig, suites } from '../config.js'
import type { Suite } from '../crypto/aead.js'
import { type Mode, modes } from '../crypto/envelope.js'
import { type RandomSource, randomSource } from '../crypto/random.js'
import { activeKeyChecks, type Keyring } from '../keys/keyring.js'
import { localKms } from '../keys/local-kms.js'
import { type RecordIds, recordIds } from '../keys/record-ids.js'
import { type UserKeys, userKeys } from '../keys/user-keys.js'
import { type Backend, translatedBackend } from '../upstream/backend.js'
import { defaultRetryLimits, type RetryLimits } from '../upstream/retry.js'
import { type TransferPlaces, transferPlaces } from './transfer-places.js'

/** The shared state of a front end's methods. */
export interface Vault {
  backend: Backend
  keyring: Keyring
  /** The checks of the active keys, which each write binds. */
  keyChecks: Buffer[]
  ids: RecordIds
  userKeys: UserKeys
  random: RandomSource
  /** The format of new envelopes. */
  write: { suite: Suite; chunkLog2: number }
  readSuites: readonly Suite[]
  /** For a request that names no mode. */
  defaultMode: Mode
  maxRecordBytes: number
  maxUploadBytes: number
  /** Limits concurrent uploads and downloads, since each holds some parts in memory. */
  transfers: TransferPlaces
  /** For a record whose writers never set a number. */
  keepVersions: number
  /** Decides what has expired. */
  clock: Clock
  /** The limits within which transfers retry their calls of the back end. */
  retryLimits: RetryLimits
}

/** What a vault is made of. */
export interface VaultParts {
  config: FrontendConfig
  keyring: Keyring
  backend: Backend
  /** Tests replace these three. */
  random?: RandomSource
  clock?: Clock
  retryLimits?: RetryLimits
}

const readSuites: readonly Suite[] = [1, 2]

/** Makes a vault over an open keyring; `closeVault` wipes its keys. */
export function openVault(parts: VaultParts): Vault {
  const { config, keyring, backend, random = randomSource() } = parts
  const { clock = newClock(), retryLimits = defaultRetryLimits } = parts
  const suite = (suites.indexOf(config.writeSuite) + 1) as Suite
  const kms = localKms({ keys: keyring.keyEncryptionKeys, writeSuite: suite, readSuites, random })
  const { realm } = keyring
  return {
    backend: translatedBackend(backend),
    keyring,
    keyChecks: activeKeyChecks(keyring),
    ids: recordIds(keyring),
    userKeys: userKeys({ realm, providers: [kms], random, limits: config.userKeyCache }),
    random,
    write: { suite, chunkLog2: config.chunkLog2 },
    readSuites,
    defaultMode: modes[config.keyMode],
    maxRecordBytes: config.maxRecordBytes,
    maxUploadBytes: config.maxUploadBytes,
    transfers: transferPlaces(config.maxTransfers),
    keepVersions: config.keepVersions,
    clock,
    retryLimits,
  }
}

/**
 * True once the record has expired, by the clock that never goes back: what has expired stays expired. The encrypted
 * time counts. The back end also has a copy in plain text, to remove the record, and can change only that copy.
 */
export function isExpired({ clock }: Pick<Vault, 'clock'>, { expireTime }: { expireTime: Date | undefined }): boolean {
  return isPast(expireTime, clock.forRefusing())
}

/** Wipes every key; the vault cannot be used afterwards. */
export function closeVault({ userKeys, keyring }: Vault): void {
  userKeys.close()
  for (const { key } of [...keyring.pseudonymKeys, ...keyring.keyEncryptionKeys]) key.close()
}
