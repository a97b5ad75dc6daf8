// The check of a store before this front end may write to it: its format, its keyring and the keys it was written with. The
// answers are claims of the back end; they protect from mistakes of operators, not from a back end that lies.
import { VaultError } from '../../core/errors.js'
import { isKeyCheck, keyNameOf, sameKeyName } from '../../core/key-check.js'
import type { GetStoreInfoResponse } from '../../gen/encserver/v1/backend.js'

/** The store format of the back ends that this version works with. */
const knownFormat = 2

/** What a store is bound to. */
export interface KeyringIdentity {
  keyringId: Buffer
  /** The checks of all keys of the keyring. */
  keyChecks: Buffer[]
}

/** Throws STORE_FORMAT if this version does not know the format of the store. */
export function checkFormat({ format }: GetStoreInfoResponse): void {
  if (format === knownFormat) return
  const message = `the store has format ${format}, this version knows ${knownFormat}`
  throw new VaultError('STORE_FORMAT', { message })
}

/**
 * Throws STORE_FORMAT, or KEYRING_MISMATCH with the name of the key that is wrong, if a front end with this keyring must not
 * write to the store.
 */
export function checkStore(info: GetStoreInfoResponse, own: KeyringIdentity): void {
  checkFormat(info)
  checkKeyringId(info, own)
  for (const { name, state } of compareKeys(info, own)) {
    if (state === 'other' || state === 'missing') {
      throw new VaultError('KEYRING_MISMATCH', { message: wrongKeyText(name, state) })
    }
  }
}

/** Throws KEYRING_MISMATCH if the store is bound to another keyring. */
export function checkKeyringId(info: GetStoreInfoResponse, own: KeyringIdentity): void {
  if (info.keyringId.length > 0 && !info.keyringId.equals(own.keyringId)) throw otherKeyring(info.keyringId, own)
}

function otherKeyring(bound: Buffer, { keyringId }: KeyringIdentity): VaultError {
  const message =
    `the store is bound to keyring ${bound.toString('hex')}, this front end has ${keyringId.toString('hex')}: ` +
    'give it the keyring the store was written with, or another store'
  return new VaultError('KEYRING_MISMATCH', { message })
}

/** A key of the store or of the keyring. */
export interface ComparedKey {
  /** Such as `pseudonym key 1`. */
  name: string
  /** `other`: the key of the keyring is not the store's; `missing`: the keyring has none; `unbound`: the store has none. */
  state: 'same' | 'other' | 'missing' | 'unbound'
}

/** Compares all keys; throws STORE_FORMAT if the store has a key of a kind that this version does not know. */
export function compareKeys({ keyChecks: bound }: GetStoreInfoResponse, { keyChecks }: KeyringIdentity): ComparedKey[] {
  if (!bound.every(isKeyCheck)) {
    throw new VaultError('STORE_FORMAT', { message: 'the store is bound to a key that this version does not know' })
  }
  const ofStore = bound.map((check): ComparedKey => {
    const own = keyChecks.find((each) => sameKeyName(each, check))
    return { name: keyNameOf(check), state: own === undefined ? 'missing' : own.equals(check) ? 'same' : 'other' }
  })
  const isUnbound = (check: Buffer) => !bound.some((each) => sameKeyName(each, check))
  const further = keyChecks.filter(isUnbound).map((check) => ({ name: keyNameOf(check), state: 'unbound' as const }))
  return [...ofStore, ...further]
}

/** What is wrong with a key, and what to do. */
export function wrongKeyText(name: string, state: 'other' | 'missing'): string {
  const problem =
    state === 'other'
      ? `${name} of the keyring is not the key that this store was written with`
      : `the keyring has no ${name}, which this store was written with`
  return `${problem}: restore the keyring from its backup`
}
