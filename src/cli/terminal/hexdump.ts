// Bytes as people read them: offset, sixteen bytes in hex, and the same as text where it is printable ASCII.

const bytesPerLine = 16

function line(bytes: Buffer, offset: number): string {
  const part = bytes.subarray(offset, offset + bytesPerLine)
  const pairs = [...part].map((byte) => byte.toString(16).padStart(2, '0'))
  const columns = `${pairs.slice(0, 8).join(' ')}  ${pairs.slice(8).join(' ')}`
  const text = part.toString('latin1').replace(/[^\x20-\x7e]/g, '.')
  return `${offset.toString(16).padStart(8, '0')}  ${columns.padEnd(48)}  |${text}|`
}

/** The first `maxBytes` bytes, a line for every sixteen. */
export function hexdump(bytes: Buffer, maxBytes: number): string[] {
  const shown = bytes.subarray(0, maxBytes)
  return Array.from({ length: Math.ceil(shown.length / bytesPerLine) }, (_, index) => line(shown, index * bytesPerLine))
}
