// The checksum of a text file. It finds accidents, not attacks: a text that was changed on purpose gets a new one.
import { hash } from 'node:crypto'

/** The first 8 bytes of SHA-256, in hex. */
export function checksumOf(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 16)
}
