// Reads header blocks (RFC 7541). They come from anybody: what a block costs is bounded by its own length, what a
// connection keeps by its table, and what a list holds by its limit.
import { CompressionError } from '../compression-error.js'
import { DynamicTable, sizeOf } from './dynamic-table.js'
import { huffmanDecode } from './huffman.js'
import { staticEntries, staticTable } from './static-table.js'

const nothing = Buffer.alloc(0)

export class HpackDecoder {
  private readonly table = new DynamicTable()
  private readonly maxListBytes: number
  private block: Buffer = nothing
  private at = 0
  // The field last read. Not returned, as that would take an object for each.
  private name = ''
  private value = ''

  constructor({ maxListBytes }: { maxListBytes: number }) {
    this.maxListBytes = maxListBytes
  }

  /**
   * The fields of a whole block: name, value, name, value ... in order, as latin1; undefined when the list is larger than
   * allowed, and the table is in step all the same. After a CompressionError nothing more can be read.
   */
  decode(block: Buffer): string[] | undefined {
    this.block = block
    this.at = 0
    this.readSizeUpdates()
    const list = this.readFields()
    this.letGo()
    return list
  }

  /** Between blocks a connection holds its table, and no large string besides. */
  private letGo(): void {
    this.block = nothing
    this.name = ''
    this.value = ''
  }

  private readSizeUpdates(): void {
    while (this.at < this.block.length && ((this.block[this.at] as number) & 0xe0) === 0x20) {
      this.table.resize(this.readInteger(5))
    }
  }

  /** What no longer fits is read, as it may change the table, and dropped. */
  private readFields(): string[] | undefined {
    const list: string[] = []
    let room = this.maxListBytes // below zero from the first field on that does not fit: a sum of all would grow
    while (this.at < this.block.length) {
      this.readField()
      if (room >= 0) room -= sizeOf(this.name, this.value)
      if (room >= 0) list.push(this.name, this.value)
    }
    return room >= 0 ? list : undefined
  }

  private readField(): void {
    const first = this.block[this.at] as number
    if (first >= 0x80) this.readIndexed()
    else if (first >= 0x40) this.readKept()
    else if (first >= 0x20) throw new CompressionError('a size update behind a field')
    else this.readLiteral(4)
  }

  private readIndexed(): void {
    const index = this.readInteger(7)
    this.name = this.nameAt(index)
    this.value = index <= staticEntries ? (staticTable[2 * index + 1] as string) : this.table.valueOf(dynamic(index))
  }

  private readKept(): void {
    this.readLiteral(6)
    this.table.add(this.name, this.value)
  }

  private readLiteral(prefix: number): void {
    const index = this.readInteger(prefix)
    this.name = index === 0 ? this.readString() : this.nameAt(index)
    this.value = this.readString()
  }

  private nameAt(index: number): string {
    if (index === 0) throw new CompressionError('an index of nothing')
    return index <= staticEntries ? (staticTable[2 * index] as string) : this.table.nameOf(dynamic(index))
  }

  private readString(): string {
    const coded = (this.block[this.at] as number) >= 0x80
    const length = this.readInteger(7)
    const from = this.at
    const to = from + length
    if (to > this.block.length) throw new CompressionError('a string goes past its block')
    this.at = to
    return coded ? huffmanDecode(this.block, from, to) : this.block.toString('latin1', from, to)
  }

  /** Four bytes behind the prefix say more than any length or index here may be (5.1). */
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

function dynamic(index: number): number {
  return index - staticEntries - 1
}
