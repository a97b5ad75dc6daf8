// Two parts of one number: the one place for this, whatever the engine.
import { VaultError } from '../../core/errors.js'

export function otherBytes(): VaultError {
  return new VaultError('ALREADY_EXISTS', { message: 'there is a part of that number with other bytes' })
}
