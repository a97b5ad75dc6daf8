// The first write binds the front end's keyring to the store: two keyrings over one store would be two worlds, each
// blind to the records of the other.
import { VaultError } from '../../core/errors.js'
import type { Store, StoreCall } from '../store/store.js'

/** Throws KEYRING_MISMATCH unless this keyring is, or now becomes, the one bound to the store. */
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

export function keyringBinding(store: Store): RequireKeyring {
  let bound: Buffer | undefined // for good: a binding never changes
  return async (keyringId, call) => {
    bound ??= await bind(store, keyringId, call)
    if (!bound.equals(keyringId)) throw new VaultError('KEYRING_MISMATCH')
  }
}
