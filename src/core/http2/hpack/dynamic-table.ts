// The fields a connection has sent before (RFC 7541 2.3.2), in a ring: the newest is entry 0, the oldest goes first.
import { CompressionError } from '../compression-error.js'

const overhead = 32

/** SETTINGS_HEADER_TABLE_SIZE, left as it is by default. */
const mostBytes = 4096

/** As many as fit when name and value are empty. A power of two, so that places wrap by a mask. */
const places = mostBytes / overhead
const mask = places - 1

export class DynamicTable {
  private readonly names = new Array<string>(places).fill('')
  private readonly values = new Array<string>(places).fill('')
  private next = 0
  private count = 0
  private bytes = 0
  private maxBytes = mostBytes

  nameOf(entry: number): string {
    return this.names[this.placeOf(entry)] as string
  }

  valueOf(entry: number): string {
    return this.values[this.placeOf(entry)] as string
  }

  /** One that is larger than the table empties it, and is no error (4.4). */
  add(name: string, value: string): void {
    const bytes = sizeOf(name, value)
    this.evictTo(this.maxBytes - bytes)
    if (bytes > this.maxBytes) return
    this.names[this.next] = name
    this.values[this.next] = value
    this.next = (this.next + 1) & mask
    this.count++
    this.bytes += bytes
  }

  resize(maxBytes: number): void {
    if (maxBytes > mostBytes) throw new CompressionError('a table larger than allowed')
    this.maxBytes = maxBytes
    this.evictTo(maxBytes)
  }

  private placeOf(entry: number): number {
    if (entry >= this.count) throw new CompressionError('an index past the tables')
    return (this.next - 1 - entry) & mask
  }

  /** What has left is forgotten, or idle connections would hold many times what the table may. */
  private evictTo(bytes: number): void {
    while (this.bytes > bytes && this.count > 0) {
      const oldest = (this.next - this.count) & mask
      this.bytes -= sizeOf(this.names[oldest] as string, this.values[oldest] as string)
      this.names[oldest] = ''
      this.values[oldest] = ''
      this.count--
    }
  }
}

/** What a field counts, in the table (4.1) and in a list (RFC 9113 6.5.2). */
export function sizeOf(name: string, value: string): number {
  return name.length + value.length + overhead
}
