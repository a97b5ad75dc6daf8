// A streaming SHA-256 of an upload's contents, which shows that they were truncated or changed in transit. It is a digest
// of the plaintext, so it passes between a client and its front end only, and never into the store.
import { createHash } from 'node:crypto'

/** In bytes. */
export const digestSize = 32

/** A digest in progress. */
export interface RunningDigest {
  update(piece: Uint8Array): void
  /** Returns the digest; may be called once, and ends the use of this object. */
  finish(): Buffer
}

/** Starts a digest. */
export function runningDigest(): RunningDigest {
  const hash = createHash('sha256')
  return {
    update: (piece) => void hash.update(piece),
    finish: () => hash.digest(),
  }
}
