// Loads the keyring of this front end, or creates it for an empty store. With a used store, a new keyring would make every
// old record look absent.
import { VaultError } from '../../core/errors.js'
import type { GetStoreInfoResponse } from '../../gen/encserver/v1/backend.js'
import type { FrontendConfig } from '../config.js'
import type { RandomSource } from '../crypto/random.js'
import { checkFormat, checkStore } from '../upstream/store-check.js'
import { identityOf, type Keyring } from './keyring.js'
import { createKeyring, readKeyring } from './keyring-file.js'

/** The keyring of a starting front end. */
export interface LoadedKeyring {
  keyring: Keyring
  /** True if it was created just now, and needs a backup. */
  created: boolean
}

/** Rejects with KEYRING_MISMATCH if the store is bound to another keyring or key, or has records and the keyring is missing. */
export async function loadKeyring(
  config: FrontendConfig,
  store: GetStoreInfoResponse,
  random: RandomSource,
): Promise<LoadedKeyring> {
  checkFormat(store)
  const found = await readKeyring(config.keyringFile)
  if (found === null && !store.empty) throw missing(config.keyringFile, store.keyringId)
  const loaded = found === null ? await makeKeyring(config, random) : { keyring: found, created: false }
  checkStore(store, identityOf(loaded.keyring))
  const { realm } = loaded.keyring
  if (realm !== config.realm) {
    const message = `the keyring is of realm ${realm}, the configuration says ${config.realm}: a realm cannot be changed`
    throw new VaultError('KEYRING_MISMATCH', { message })
  }
  return loaded
}

function missing(keyringFile: string, bound: Buffer): VaultError {
  const why = bound.length > 0 ? `is bound to keyring ${bound.toString('hex')}` : 'has records'
  const message = `there is no keyring in ${keyringFile}, but the store ${why}: restore it from its backup`
  return new VaultError('KEYRING_MISMATCH', { message })
}

/** Front ends that share a folder may start together: one creates the keyring, and the others read it. */
async function makeKeyring({ keyringFile, realm }: FrontendConfig, random: RandomSource): Promise<LoadedKeyring> {
  const failure = await createKeyring(keyringFile, realm, random).catch((error: unknown) => error)
  const keyring = failure === undefined || isTaken(failure) ? await readKeyring(keyringFile) : null
  if (keyring === null)
    throw failure ?? new VaultError('INTERNAL', { cause: `${keyringFile} disappeared after it was made` })
  return { keyring, created: failure === undefined }
}

function isTaken(failure: unknown): boolean {
  return ((failure as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'EEXIST'
}
