// Writes fields of a header block (RFC 7541 6) that leave the peer's table as it is: they can be prepared once, and sent on
// any connection in any order. Names and values are latin1, as is a field until it becomes bytes.

/** A field of the static table. */
export function indexedField(index: number): Buffer {
  return bytesOf(integer(0x80, 7, index))
}

/** A value under a name of the static table. */
export function literalWithName(index: number, value: string): Buffer {
  return bytesOf(integer(0, 4, index) + string(value))
}

/** A field whose name is in no table; it is lower case (RFC 9113 8.2). */
export function literalField(name: string, value: string): Buffer {
  return bytesOf(integer(0, 4, 0) + string(name) + string(value))
}

function bytesOf(field: string): Buffer {
  return Buffer.from(field, 'latin1')
}

function string(text: string): string {
  return integer(0, 7, text.length) + text
}

/** A number behind the bits of a pattern: in the rest of a byte, or full ones and more bytes (5.1). */
function integer(pattern: number, bits: number, value: number): string {
  const full = (1 << bits) - 1
  if (value < full) return String.fromCharCode(pattern | value)
  let bytes = String.fromCharCode(pattern | full)
  let rest = value - full
  for (; rest > 0x7f; rest >>>= 7) bytes += String.fromCharCode((rest & 0x7f) | 0x80)
  return bytes + String.fromCharCode(rest)
}
