// Which lines of an input are stored already: four bytes for each, so that a file of any size can be resumed.
import { crc32 } from 'node:zlib'
import type { InputLine } from '../keys/key-entry.js'

export interface StoredLines {
  add(line: InputLine): void
  /** Whether this line is stored, or another was stored in its place. */
  look(line: InputLine): 'new' | 'stored' | 'changed'
}

const maxLines = 500_000_000
const none = 0

// Never on disk: it is compared with what the keys file itself says of the line.
function fingerprint({ lineBytes, user, name }: InputLine): number {
  return crc32(JSON.stringify([lineBytes, user, name])) || 1
}

export function storedLines(): StoredLines {
  let prints = new Uint32Array(1024)
  return {
    add(line) {
      if (line.line > maxLines) throw new RangeError(`an input has at most ${maxLines} lines`)
      if (line.line >= prints.length) {
        const grown = new Uint32Array(2 * line.line)
        grown.set(prints)
        prints = grown
      }
      prints[line.line] = fingerprint(line)
    },
    look(line) {
      const print = prints[line.line] ?? none
      if (print === none) return 'new'
      return print === fingerprint(line) ? 'stored' : 'changed'
    },
  }
}
