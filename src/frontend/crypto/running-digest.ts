// SHA-256 of bytes that come one piece after the other, so that an upload cut short or changed on its way is noticed. It
// is of the plaintext: it goes to whoever has that, and never into the store.
import { createHash } from 'node:crypto'

export const digestSize = 32

export interface RunningDigest {
  update(piece: Uint8Array): void
  /** Once, and nothing after. */
  finish(): Buffer
}

export function runningDigest(): RunningDigest {
  const hash = createHash('sha256')
  return {
    update: (piece) => void hash.update(piece),
    finish: () => hash.digest(),
  }
}
