// The public half of a key check (docs/crypto.md section 8): its size, and the name of its key. Front ends make key checks, and
// back ends store them; neither needs a secret to name the key.

const numberAt = 1
/** The name of a key: u8 kind, u32 number. */
const nameBytes = 5
/** The name, then the check value. */
export const keyCheckBytes = nameBytes + 32

/** The kinds of keys in a keyring. */
export const keyKinds = { pseudonym: 1, keyEncryption: 2 } as const

/** The kind of a key, as its check begins. */
export type KeyKind = (typeof keyKinds)[keyof typeof keyKinds]

const kindNames: Record<number, string> = { 1: 'pseudonym key', 2: 'key-encryption key' }

/** The first bytes of a key check. */
export function encodeKeyName(kind: KeyKind, number: number): Buffer {
  const name = Buffer.alloc(nameBytes)
  name.writeUInt8(kind)
  name.writeUInt32BE(number, numberAt)
  return name
}

/** True for the size of a key check and a kind of key that this version knows. */
export function isKeyCheck(check: Buffer): boolean {
  return check.length === keyCheckBytes && kindNames[check.readUInt8()] !== undefined
}

/** The key of a check in words, such as `pseudonym key 1`. */
export function keyNameOf(check: Buffer): string {
  return `${kindNames[check.readUInt8()] ?? 'key of an unknown kind'} ${check.readUInt32BE(numberAt)}`
}

/** True if both checks are those of keys of one kind and number. */
export function sameKeyName(one: Buffer, other: Buffer): boolean {
  return one.compare(other, 0, nameBytes, 0, nameBytes) === 0
}
