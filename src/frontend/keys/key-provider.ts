// The interface of a key provider, which wraps user keys: the local keyring or a key management service. The frame
// around a wrapped key is an unverified claim of the back end, so a frame that names a provider or key outside this
// front end's configuration is refused before any provider is called.
import { VaultError } from '../../core/errors.js'
import type { ContextOf } from '../crypto/context.js'
import { type Provider, parseWrappedKey, type WrappedKey } from '../crypto/wrapped-key.js'

/** The context that a wrapped user key is bound to. */
export type WrapContext = ContextOf<'userKey'>

/** Wraps and unwraps user keys under one key of its own. */
export interface KeyProvider {
  readonly provider: Provider
  /** The provider's name of its key. */
  readonly keyRef: string
  /** Rejects with a VaultError of kind `unavailable` when the provider cannot be reached. */
  wrap(userKey: Buffer, context: WrapContext): Promise<WrappedKey>
  /** The 32 bytes of the key, which the caller wipes; rejects with RECORD_KEY_MISMATCH for a key of another context. */
  unwrap(wrapped: WrappedKey, context: WrapContext): Promise<Buffer>
}

/** Unwraps a frame with the provider that it names; rejects with RECORD_KEY_MISMATCH if that is not configured. */
export async function unwrapWith(providers: KeyProvider[], frame: Buffer, context: WrapContext): Promise<Buffer> {
  const wrapped = parseWrappedKey(frame)
  const named = providers.find(({ provider, keyRef }) => provider === wrapped.provider && keyRef === wrapped.keyRef)
  if (named === undefined) throw new VaultError('RECORD_KEY_MISMATCH', { cause: 'key provider not configured' })
  return named.unwrap(wrapped, context)
}
