// Writes fields of a header block (RFC 7541 6) that leave the peer's table as it is: they can be prepared once, and sent on
// any connection in any order. Names and values are latin1.

/** A field of the static table. */
export function indexedField(index: number): Buffer {
  return Buffer.from(integer(0x80, 7, index))
}

/** A value under a name of the static table. */
export function literalWithName(index: number, value: string): Buffer {
  return Buffer.concat([Buffer.from(integer(0, 4, index)), text(value)])
}

/** A field whose name is in no table; it is lower case (RFC 9113 8.2). */
export function literalField(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), text(value)])
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from(integer(0, 7, value.length)), Buffer.from(value, 'latin1')])
}

/** A number behind the bits of a pattern, in as many bits of the first byte as there are, or more bytes (5.1). */
function integer(pattern: number, bits: number, value: number): number[] {
  const full = (1 << bits) - 1
  if (value < full) return [pattern | value]
  const bytes = [pattern | full]
  let rest = value - full
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return [...bytes, rest]
}
