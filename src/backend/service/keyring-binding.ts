// The binding of a store to one keyring and to its keys. The first write binds the keyring of its front end, and the first write
// with a key binds that key: front ends with other keys over one store could not see each other's records.
import { VaultError } from '../../core/errors.js'
import { keyNameOf, sameKeyName } from '../../core/key-check.js'
import type { StoreEnvelopeRequest } from '../../gen/encserver/v1/backend.js'
import { maxKeyChecks } from '../store/key-checks.js'
import type { Store, StoreCall } from '../store/store.js'

/** The keyring of a front end, and the checks of keys of it. */
export type KeyringKeys = Pick<StoreEnvelopeRequest, 'keyringId' | 'keyChecks'>

/** Binds the keyring and the keys if nothing else is bound in their place; throws KEYRING_MISMATCH otherwise. */
export type RequireKeyring = (keys: KeyringKeys, call: StoreCall) => Promise<void>

async function bind(store: Store, keyringId: Buffer, call: StoreCall): Promise<Buffer> {
  const { keyringId: bound, empty } = await store.meta(call)
  if (bound) return bound
  if (!empty) {
    const message = 'the store has records but no keyring is bound to it; restore its meta data from the same backup'
    throw new VaultError('KEYRING_MISMATCH', { message })
  }
  return store.bindKeyring(keyringId, call)
}

/** The check for this store. It remembers the bindings. */
export function keyringBinding(store: Store): RequireKeyring {
  let boundId: Buffer | undefined // a binding never changes
  let boundChecks: Buffer[] = []
  const isBound = (check: Buffer) => boundChecks.some((bound) => bound.equals(check))
  return async ({ keyringId, keyChecks }, call) => {
    boundId ??= await bind(store, keyringId, call)
    if (!boundId.equals(keyringId)) throw new VaultError('KEYRING_MISMATCH')
    if (keyChecks.every(isBound)) return
    boundChecks = await store.bindKeyChecks(keyChecks, call)
    if (!keyChecks.every(isBound)) throw refusal(keyChecks, boundChecks)
  }
}

function refusal(keyChecks: Buffer[], bound: Buffer[]): VaultError {
  const wrong = keyChecks.find((check) => bound.some((known) => sameKeyName(known, check) && !known.equals(check)))
  const message = wrong
    ? `${keyNameOf(wrong)} of the keyring is not the key that this store was written with`
    : `the store is bound to ${bound.length} keys, and can be bound to ${maxKeyChecks}`
  return new VaultError('KEYRING_MISMATCH', { message })
}
