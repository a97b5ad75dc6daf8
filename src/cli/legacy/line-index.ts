// Where the lines of a file are, by an id in each: at most 50 bytes of memory for a line, so that a file of any size can be
// looked up. It may name a line of another id, which whoever reads the line sees.
import { crc32 } from 'node:zlib'

export interface LinePlace {
  start: number
  size: number
}

export interface LineIndex {
  readonly count: number
  add(id: Buffer, place: LinePlace): void
  /** Every line of that id, in no order, and perhaps some of another. */
  find(id: Buffer): LinePlace[]
}

const firstRoom = 1024
const none = 0

interface Columns {
  prints: Uint32Array
  starts: Float64Array
  sizes: Uint32Array
  /** The next line in the same bucket, its number plus one. */
  next: Uint32Array
  /** The last line of each bucket, its number plus one. */
  heads: Uint32Array
}

function newColumns(room: number): Columns {
  const [prints, sizes, next, heads] = [0, 1, 2, 3].map(() => new Uint32Array(room)) as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ]
  return { prints, starts: new Float64Array(room), sizes, next, heads }
}

function link({ prints, next, heads }: Columns, at: number): void {
  const bucket = (prints[at] as number) % heads.length
  next[at] = heads[bucket] as number
  heads[bucket] = at + 1
}

function grown(old: Columns): Columns {
  const columns = newColumns(2 * old.prints.length)
  columns.prints.set(old.prints)
  columns.starts.set(old.starts)
  columns.sizes.set(old.sizes)
  for (let at = 0; at < old.prints.length; at += 1) link(columns, at)
  return columns
}

export function lineIndex(): LineIndex {
  let columns = newColumns(firstRoom)
  let count = 0
  return {
    get count() {
      return count
    },
    add(id, { start, size }) {
      if (count === columns.prints.length) columns = grown(columns)
      columns.prints[count] = crc32(id)
      columns.starts[count] = start
      columns.sizes[count] = size
      link(columns, count)
      count += 1
    },
    find(id) {
      const { prints, starts, sizes, next, heads } = columns
      const print = crc32(id)
      const found: LinePlace[] = []
      let at = heads[print % heads.length] as number
      while (at !== none) {
        const line = at - 1
        if (prints[line] === print) found.push({ start: starts[line] as number, size: sizes[line] as number })
        at = next[line] as number
      }
      return found
    },
  }
}
