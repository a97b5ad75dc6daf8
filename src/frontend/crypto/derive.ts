// The key derivation of every ciphertext (crypto.md section 4):
//   OKM = HKDF-Expand-SHA-256(PRK, label || 00 || head || SHA-256(context), 64)
//   commitment = OKM[0..32)    AEAD key = OKM[32..64)
// The head ends with a random salt of 32 bytes, so no AEAD key ever serves two messages. The commitment is public and
// binds the ciphertext to key, header and context: nothing is decrypted before the commitment has matched.
import { contextHashSize } from './context.js'
import { guard } from './errors.js'
import { type HmacKey, macSize } from './hmac.js'

/** In bytes. */
export const saltSize = 32
/** In bytes. */
export const commitmentSize = macSize

// The counters of the two blocks that HKDF-Expand yields here.
const first = Buffer.of(1)
const second = Buffer.of(2)

/** The closed registry of labels; a label is never reused. */
export const labels = {
  envelope: label('envelope'),
  box: label('box'),
  pseudonym: label('pseudonym'),
  userBind: label('user-bind'),
  write: label('write'),
  writeId: label('write-id'),
  keyCheck: label('key-check'),
}

/** The inputs of a derivation beside the key. */
export interface Derivation {
  label: Buffer
  /** Every byte of the format before its commitment. */
  head: Buffer
  contextHash: Buffer
}

/** The outputs of a derivation. */
export interface DerivedKeys {
  commitment: Buffer
  /** The caller wipes it. */
  aeadKey: Buffer
}

/** Two HMACs, whatever the head holds. */
export function deriveKeys(key: HmacKey, { label, head, contextHash }: Derivation): DerivedKeys {
  guard(contextHash.length === contextHashSize, 'a context hash has 32 bytes')
  // T(1) is public, as it is in every ciphertext, so it may be a string. T(2) is a key and never is a string.
  const commitment = Buffer.from(key.publicMac(label, head, contextHash, first), 'binary')
  return { commitment, aeadKey: key.mac(commitment, label, head, contextHash, second) }
}

function label(name: string): Buffer {
  return Buffer.from(`record-vault/v1/${name}\0`)
}
