// An index of a file's lines by an id in each. It keeps a CRC of the id and the line's offset, so it may name a line of
// another id: the reader of the line compares the ids.
import { crc32 } from 'node:zlib'
import { sharded } from '../keys/key-id-set.js'

/** Where the lines of each id begin. */
export interface LineIndex {
  /** The number of lines. */
  readonly count: number
  add(id: Buffer, offset: number): void
  /** The offsets of all lines with that id; lines of another id may be among them. */
  find(id: Buffer): number[]
}

/** An empty index; it takes 40 to 75 bytes of memory for each line. */
export function lineIndex(): LineIndex {
  // A list only for the few fingerprints that several lines share: a list for each would triple the memory.
  const shardOf = sharded(() => new Map<number, number | number[]>())
  let count = 0
  return {
    get count() {
      return count
    },
    add(id, offset) {
      count += 1
      const { shard, fingerprint } = placeOf(id)
      const known = shard.get(fingerprint)
      if (Array.isArray(known)) known.push(offset)
      else shard.set(fingerprint, known === undefined ? offset : [known, offset])
    },
    find(id) {
      const { shard, fingerprint } = placeOf(id)
      return [shard.get(fingerprint) ?? []].flat()
    },
  }

  function placeOf(id: Buffer) {
    const fingerprint = crc32(id) | 0 // signed, so that V8 stores it without a box
    return { shard: shardOf(fingerprint & 0xff), fingerprint }
  }
}
