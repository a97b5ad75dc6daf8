// A streaming SHA-256 of an upload's contents, which shows that they were truncated or changed in transit. It is a digest
// of the plaintext, so it passes between a client and its front end only, and never into the store.
import { createHash } from 'node:crypto'

/** In bytes. */
export const digestSize = 32

/** A digest in progress. */
export interface RunningDigest {
  update(piece: Uint8Array): void
  /** Returns the digest, the same one each time; no update may follow. */
  finish(): Buffer
}

/** Starts a digest. */
export function runningDigest(): RunningDigest {
  const running = createHash('sha256')
  let digest: Buffer | undefined
  return {
    update: (piece) => void running.update(piece),
    finish: () => (digest ??= running.digest()),
  }
}
