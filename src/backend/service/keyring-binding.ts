// The binding of a store to one keyring. The first write binds the keyring of its front end, because front ends with
// two keyrings over one store could not see each other's records.
import { VaultError } from '../../core/errors.js'
import type { Store, StoreCall } from '../store/store.js'

/** Binds this keyring if the store has none; throws KEYRING_MISMATCH when another one is bound. */
export type RequireKeyring = (keyringId: Buffer, call: StoreCall) => Promise<void>

async function bind(store: Store, keyringId: Buffer, call: StoreCall): Promise<Buffer> {
  const { keyringId: bound, empty } = await store.meta(call)
  if (bound) return bound
  if (!empty) {
    const message = 'the store has records but no keyring is bound to it; restore its meta data from the same backup'
    throw new VaultError('KEYRING_MISMATCH', { message })
  }
  return store.bindKeyring(keyringId, call)
}

/** The check for this store. It remembers the binding. */
export function keyringBinding(store: Store): RequireKeyring {
  let bound: Buffer | undefined // a binding never changes
  return async (keyringId, call) => {
    bound ??= await bind(store, keyringId, call)
    if (!bound.equals(keyringId)) throw new VaultError('KEYRING_MISMATCH')
  }
}
