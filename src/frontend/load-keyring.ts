// The keyring of this front end. It is made only beside an empty store: beside a used one a new keyring would write a
// second world, in which every old record looks absent.
import { VaultError } from '../core/errors.js'
import type { GetStoreInfoResponse } from '../gen/encserver/v1/backend.js'
import type { FrontendConfig } from './config.js'
import type { RandomSource } from './crypto/random.js'
import type { Keyring } from './keyring.js'
import { createKeyring, readKeyring } from './keyring-file.js'
import { checkStore } from './readiness.js'

export interface LoadedKeyring {
  keyring: Keyring
  /** It was made just now, and wants a backup. */
  created: boolean
}

/** Throws KEYRING_MISMATCH when the store is bound to another one, or to one that is not there. */
export async function loadKeyring(
  { keyringFile, realm }: FrontendConfig,
  store: GetStoreInfoResponse,
  random: RandomSource,
): Promise<LoadedKeyring> {
  const found = await readKeyring(keyringFile)
  if (found === null && !store.empty) {
    const bound = store.keyringId.toString('hex')
    const message = `there is no keyring in ${keyringFile}, but the store is bound to keyring ${bound}: restore it from its backup`
    throw new VaultError('KEYRING_MISMATCH', { message })
  }
  if (found === null) await createKeyring(keyringFile, realm, random)
  const keyring = found ?? ((await readKeyring(keyringFile)) as Keyring)
  checkStore(store, keyring.keyringId)
  if (keyring.realm !== realm) {
    const message = `the keyring is of realm ${keyring.realm}, the configuration says ${realm}: a realm cannot be changed`
    throw new VaultError('KEYRING_MISMATCH', { message })
  }
  return { keyring, created: found === null }
}
