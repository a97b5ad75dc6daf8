// Which files of a folder are stored already: 64 bytes for each, so that a folder of any size can be resumed.

import { sha256Of } from '../files/sha256.js'
import type { InputFile } from '../keys/key-entry.js'
import { keyIdSet } from '../keys/key-id-set.js'

export interface StoredFiles {
  add(file: InputFile): void
  /** Whether it is stored as it is now, or as it was. */
  look(file: InputFile): 'new' | 'stored' | 'changed'
}

// Half of a SHA-256: two files of one print are as unlikely as two key ids.
function print(...values: unknown[]): Buffer {
  return sha256Of(JSON.stringify(values)).subarray(0, 16)
}

export function storedFiles(): StoredFiles {
  const [names, states] = [keyIdSet(), keyIdSet()]
  const nameOf = ({ user, name }: InputFile) => print(user, name)
  const stateOf = ({ user, name, fileBytes, modified }: InputFile) => print(user, name, fileBytes, modified)
  return {
    add(file) {
      names.add(nameOf(file))
      states.add(stateOf(file))
    },
    look(file) {
      if (states.has(stateOf(file))) return 'stored'
      return names.has(nameOf(file)) ? 'changed' : 'new'
    },
  }
}
