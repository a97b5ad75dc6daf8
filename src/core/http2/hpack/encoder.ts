// Encodes header blocks (RFC 7541 section 6) as literals without indexing and static entries. Such a block leaves the
// peer's dynamic table unchanged, so it can be encoded once and sent on any connection in any order.
import type { HeaderFields } from '../../transport.js'
import { defaultFrameSize } from '../protocol.js'
import { staticEntries, staticTable } from './static-table.js'

/** The first static entry of each name; further entries of the name follow it. */
const staticNames = new Map<string, number>()
for (let entry = staticEntries; entry > 0; entry -= 1) staticNames.set(staticTable[2 * entry] as string, entry)

/** Encodes fields; names and values are latin1. Throws RangeError for a block that does not fit a frame. */
export function encodeFields(fields: HeaderFields): Buffer {
  let block = ''
  for (const field of fields) block += encodeField(field[0], field[1])
  if (block.length > defaultFrameSize) throw new RangeError(`a header block of ${block.length} bytes`)
  return Buffer.from(block, 'latin1')
}

function encodeField(name: string, value: string): string {
  const first = staticNames.get(name)
  if (first === undefined) return `\0${encodeString(name)}${encodeString(value)}`
  for (let entry = first; staticTable[2 * entry] === name; entry += 1) {
    if (staticTable[2 * entry + 1] === value) return encodeInteger(0x80, 7, entry)
  }
  return encodeInteger(0, 4, first) + encodeString(value)
}

function encodeString(text: string): string {
  return encodeInteger(0, 7, text.length) + text
}

/** An integer behind a bit pattern: in the rest of the byte, or the rest all ones and further bytes (section 5.1). */
function encodeInteger(pattern: number, bits: number, value: number): string {
  const full = (1 << bits) - 1
  if (value < full) return String.fromCharCode(pattern | value)
  let bytes = String.fromCharCode(pattern | full)
  let rest = value - full
  for (; rest > 0x7f; rest >>>= 7) bytes += String.fromCharCode((rest & 0x7f) | 0x80)
  return bytes + String.fromCharCode(rest)
}
