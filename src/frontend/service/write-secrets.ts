// The secret that a caller made for its write, as a request brings it: a token or a write id, never both (crypto.md section
// 6 f). It also decides the mode of a request that names none.
import { invalidField } from '../../core/errors.js'
import type { KeyMode } from '../../gen/encserver/v1/frontend.js'
import { type Mode, modes } from '../crypto/envelope.js'
import { tokenSecret, type WriteSecret, writeIdSecret, writeIdSize } from '../crypto/write-secret.js'
import { modeOf } from './validate.js'

/** The field of a request that holds the token. */
type TokenField = 'record_key' | 'new_record_key'

/** The fields of a request that concern the secret of its write. */
export interface SecretFields {
  recordKey: string
  writeId: Buffer
  keyMode: KeyMode
  triedMsAgo: number
}

/** The mode of a write, the secret that its caller made, and the start of the first attempt of a repeat. */
export interface WriteKind {
  mode: Mode
  /** Its key is the caller's to close. */
  secret: WriteSecret | undefined
  /** By `performance.now()`. */
  triedSince: number | undefined
}

/** How long a call may have travelled to this server: the default deadline of a caller, in milliseconds. */
const travelMs = 30_000

/** Must be called as soon as the request arrives; throws INVALID_REQUEST. */
export function writeKindOf(request: SecretFields, defaultMode: Mode, field: TokenField = 'record_key'): WriteKind {
  const { recordKey, writeId, triedMsAgo } = request
  if (recordKey !== '' && writeId.length > 0) throw invalidField('write_id', `must be empty beside ${field}`)
  const triedSince = triedMsAgo === 0 ? undefined : performance.now() - triedMsAgo - travelMs
  if (recordKey !== '') return { ...ofToken(request, field), triedSince }
  if (writeId.length > 0) return { ...ofWriteId(request, field), triedSince }
  if (triedMsAgo !== 0) throw invalidField('tried_ms_ago', `must be 0 without ${field} or write_id`)
  return { mode: modeOf(request.keyMode, defaultMode), secret: undefined, triedSince }
}

function ofToken({ recordKey, keyMode }: SecretFields, field: TokenField): { mode: Mode; secret: WriteSecret } {
  const secret = tokenSecret(recordKey, field)
  const { mode, key } = secret
  try {
    if (modeOf(keyMode, mode) === mode) return { mode, secret }
    throw invalidField('key_mode', `must be the mode of ${field}, or unset`)
  } catch (error) {
    key.close()
    throw error
  }
}

function ofWriteId({ writeId, keyMode }: SecretFields, field: TokenField): { mode: Mode; secret: WriteSecret } {
  const mode = modeOf(keyMode, modes.server)
  if (mode !== modes.server) throw invalidField('write_id', `is for KEY_MODE_SERVER; the other modes take ${field}`)
  if (writeId.length !== writeIdSize)
    throw invalidField('write_id', `must be ${writeIdSize} bytes, not ${writeId.length}`)
  return { mode, secret: writeIdSecret(writeId) }
}
