// SHA-256, to compare files: the hex form is that of `sha256sum`.
import { createHash, hash } from 'node:crypto'

/** A running SHA-256. */
export interface Sha256 {
  update(bytes: Buffer): void
  /** The hash of the bytes so far, in hex; more may follow. */
  hex(): string
}

/** A new running SHA-256. */
export function sha256(): Sha256 {
  const running = createHash('sha256')
  return {
    update: (bytes) => void running.update(bytes),
    hex: () => running.copy().digest('hex'),
  }
}

/** The SHA-256 of data in memory. */
export function sha256Of(data: string | Buffer): Buffer {
  return hash('sha256', data, 'buffer')
}
