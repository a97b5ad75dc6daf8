// Secret bytes that cannot be printed by console, template strings, JSON or the inspector. Only `reveal` returns them.
import { inspect } from 'node:util'

const redacted = '[secret]'

/** Owns a buffer of secret bytes, and wipes it when it is closed. */
export class Secret {
  readonly #bytes: Buffer
  #closed = false

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** The bytes, for the one call that needs them. Throws after `close`, since zeros are a valid key. */
  reveal(): Buffer {
    if (this.#closed) throw new Error('the secret is closed')
    return this.#bytes
  }

  /** Wipes the bytes. */
  close(): void {
    this.#closed = true
    this.#bytes.fill(0)
  }

  toString(): string {
    return redacted
  }

  toJSON(): string {
    return redacted
  }

  [inspect.custom](): string {
    return redacted
  }
}
