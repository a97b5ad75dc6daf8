// SHA-256 of what a program reads or writes, as `sha256sum` prints it: to see that two files are the same.
import { createHash, hash } from 'node:crypto'

export interface Sha256 {
  update(bytes: Buffer): void
  /** Of all so far, in hex; more may come. */
  hex(): string
}

export function sha256(): Sha256 {
  const running = createHash('sha256')
  return {
    update: (bytes) => void running.update(bytes),
    hex: () => running.copy().digest('hex'),
  }
}

/** Of what is in memory. */
export function sha256Of(data: string | Buffer): Buffer {
  return hash('sha256', data, 'buffer')
}
