// Who wraps user keys: the local keyring, or a key management service. The frame around a wrapped key is the back end's
// word, so a provider or key that this front end's configuration does not list is refused before anybody is called.
import { VaultError } from '../../core/errors.js'
import type { ContextOf } from '../crypto/context.js'
import { type Provider, parseWrappedKey, type WrappedKey } from '../crypto/wrapped-key.js'

/** What a wrapped user key is bound to. */
export type WrapContext = ContextOf<'userKey'>

export interface KeyProvider {
  readonly provider: Provider
  /** The provider's name of its key. */
  readonly keyRef: string
  /** Rejects with a VaultError of kind `unavailable` when the provider cannot be reached. */
  wrap(userKey: Buffer, context: WrapContext): Promise<WrappedKey>
  /** 32 bytes, the caller's to wipe; rejects with RECORD_KEY_MISMATCH for what was not wrapped for this context. */
  unwrap(wrapped: WrappedKey, context: WrapContext): Promise<Buffer>
}

/** Opens a frame with the provider it names. */
export async function unwrapWith(providers: KeyProvider[], frame: Buffer, context: WrapContext): Promise<Buffer> {
  const wrapped = parseWrappedKey(frame)
  const named = providers.find(({ provider, keyRef }) => provider === wrapped.provider && keyRef === wrapped.keyRef)
  if (named === undefined) throw new VaultError('RECORD_KEY_MISMATCH', { cause: 'key provider not configured' })
  return named.unwrap(wrapped, context)
}
