// Decodes header blocks (RFC 7541 section 6) from untrusted peers. A block costs time in proportion to its length, a
// connection retains no more than its dynamic table, and a list is bounded by its limit.
import { CompressionError } from '../protocol.js'
import { DynamicTable, fieldSize } from './dynamic-table.js'
import { huffmanDecode } from './huffman.js'
import { staticEntries, staticTable } from './static-table.js'

const empty = Buffer.alloc(0)

/** The decoder of a connection. */
export class HpackDecoder {
  private readonly table = new DynamicTable()
  private readonly maxListBytes: number
  private block: Buffer = empty
  private at = 0
  // The field read last. Members, since a return value would take an object for each field.
  private name = ''
  private value = ''

  constructor({ maxListBytes }: { maxListBytes: number }) {
    this.maxListBytes = maxListBytes
  }

  /**
   * The fields of a complete block as names and values in turn, latin1. Returns undefined for a list above the limit, which
   * still updates the dynamic table. Throws CompressionError, after which the decoder cannot be used.
   */
  decode(block: Buffer): string[] | undefined {
    this.block = block
    this.at = 0
    this.readSizeUpdates()
    const list = this.readFields()
    this.releaseStrings()
    return list
  }

  /** Between blocks a connection retains its table and no other large string. */
  private releaseStrings(): void {
    this.block = empty
    this.name = ''
    this.value = ''
  }

  private readSizeUpdates(): void {
    while (this.at < this.block.length && ((this.block[this.at] as number) & 0xe0) === 0x20) {
      this.table.resize(this.readInteger(5))
    }
  }

  /** Fields beyond the limit are read, as they may change the table, and dropped. */
  private readFields(): string[] | undefined {
    const list: string[] = []
    let room = this.maxListBytes // stays negative after the first field that does not fit: a sum of all could overflow
    while (this.at < this.block.length) {
      this.readField()
      if (room >= 0) room -= fieldSize(this.name, this.value)
      if (room >= 0) list.push(this.name, this.value)
    }
    return room >= 0 ? list : undefined
  }

  private readField(): void {
    const first = this.block[this.at] as number
    if (first >= 0x80) this.readIndexed()
    else if (first >= 0x40) this.readIncremental()
    else if (first >= 0x20) throw new CompressionError('a table size update after a field')
    else this.readLiteral(4)
  }

  private readIndexed(): void {
    const index = this.readInteger(7)
    this.name = this.nameAt(index)
    this.value = index <= staticEntries ? (staticTable[2 * index + 1] as string) : this.table.valueOf(dynamic(index))
  }

  /** A literal with incremental indexing, which enters the table (section 6.2.1). */
  private readIncremental(): void {
    this.readLiteral(6)
    this.table.add(this.name, this.value)
  }

  private readLiteral(prefix: number): void {
    const index = this.readInteger(prefix)
    this.name = index === 0 ? this.readString() : this.nameAt(index)
    this.value = this.readString()
  }

  private nameAt(index: number): string {
    if (index === 0) throw new CompressionError('index 0')
    return index <= staticEntries ? (staticTable[2 * index] as string) : this.table.nameOf(dynamic(index))
  }

  private readString(): string {
    const isHuffman = (this.block[this.at] as number) >= 0x80
    const length = this.readInteger(7)
    const from = this.at
    const to = from + length
    if (to > this.block.length) throw new CompressionError('a string beyond the end of its block')
    this.at = to
    return isHuffman ? huffmanDecode(this.block, from, to) : this.block.toString('latin1', from, to)
  }

  /** Four bytes after the prefix exceed every valid length and index here (section 5.1). */
  private readInteger(prefix: number): number {
    const full = (1 << prefix) - 1
    let value = this.readByte() & full
    if (value < full) return value
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.readByte()
      value += (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new CompressionError('an integer is too large')
  }

  private readByte(): number {
    if (this.at >= this.block.length) throw new CompressionError('a block ends within a field')
    return this.block[this.at++] as number
  }
}

/** The entry of the dynamic table at an index (section 2.3.3). */
function dynamic(index: number): number {
  return index - staticEntries - 1
}
