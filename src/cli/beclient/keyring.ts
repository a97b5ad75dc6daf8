// The keyring that a write names. Binding a store to one is for good: a store bound to a keyring made up here would be
// lost to every front end.
import type { Command } from 'commander'
import { VaultError } from '../../core/errors.js'
import type { GetStoreInfoResponse } from '../../gen/encserver/v1/backend.js'
import { hexOf } from '../files/input.js'

export interface KeyringFlags {
  keyringId?: Buffer
}

export function addKeyringOption(command: Command): Command {
  return command.option('--keyring-id <hex>', 'the keyring to bind an unbound store to, for good', hexOf(16))
}

/** The one on the command line, else the one the store is bound to; throws KEYRING_MISMATCH when there is neither. */
export function keyringOf({ keyringId: bound }: GetStoreInfoResponse, { keyringId: named }: KeyringFlags): Buffer {
  const keyringId = named ?? bound
  if (keyringId.length > 0) return keyringId
  const message = 'the store is bound to no keyring yet, and this program must not choose one'
  throw new VaultError('KEYRING_MISMATCH', { message, fields: [{ field: 'no keyring', description: message }] })
}
