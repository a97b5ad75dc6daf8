// The dynamic table of HPACK (RFC 7541 section 2.3.2) as a ring buffer: entry 0 is the newest, the oldest is evicted first.
import { CompressionError } from '../protocol.js'

/** Counted for each field besides its bytes (section 4.1). */
const fieldOverhead = 32

/** SETTINGS_HEADER_TABLE_SIZE, which we leave at its default. */
const maxTableBytes = 4096

/** The most entries that fit, with empty names and values. A power of two, so that slots wrap by a mask. */
const slots = maxTableBytes / fieldOverhead
const mask = slots - 1

/** The fields that the peer of a connection has sent before. */
export class DynamicTable {
  private readonly names = new Array<string>(slots).fill('')
  private readonly values = new Array<string>(slots).fill('')
  private next = 0
  private count = 0
  private bytes = 0
  private maxBytes = maxTableBytes

  /** The name of an entry; throws CompressionError beyond the table. */
  nameOf(entry: number): string {
    return this.names[this.slotOf(entry)] as string
  }

  /** The value of an entry; throws CompressionError beyond the table. */
  valueOf(entry: number): string {
    return this.values[this.slotOf(entry)] as string
  }

  /** Adds a field as entry 0. A field larger than the table empties it, which is no error (section 4.4). */
  add(name: string, value: string): void {
    const bytes = fieldSize(name, value)
    this.evictTo(this.maxBytes - bytes)
    if (bytes > this.maxBytes) return
    this.names[this.next] = name
    this.values[this.next] = value
    this.next = (this.next + 1) & mask
    this.count++
    this.bytes += bytes
  }

  /** Changes the maximum size (section 4.3); throws CompressionError above SETTINGS_HEADER_TABLE_SIZE. */
  resize(maxBytes: number): void {
    if (maxBytes > maxTableBytes) throw new CompressionError('a table larger than allowed')
    this.maxBytes = maxBytes
    this.evictTo(maxBytes)
  }

  private slotOf(entry: number): number {
    if (entry >= this.count) throw new CompressionError('an index beyond the tables')
    return (this.next - 1 - entry) & mask
  }

  /** Evicted strings are released, or an idle connection would retain many times the size of its table. */
  private evictTo(bytes: number): void {
    while (this.bytes > bytes && this.count > 0) {
      const oldest = (this.next - this.count) & mask
      this.bytes -= fieldSize(this.names[oldest] as string, this.values[oldest] as string)
      this.names[oldest] = ''
      this.values[oldest] = ''
      this.count--
    }
  }
}

/** The size of a field in the table (section 4.1) and in a header list (RFC 9113 section 6.5.2). */
export function fieldSize(name: string, value: string): number {
  return name.length + value.length + fieldOverhead
}
