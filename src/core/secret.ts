// A value that cannot be printed: not by console, template, JSON or the inspector. Only `reveal` shows it.
import { inspect } from 'node:util'

const shown = '[secret]'

/** Holds secret bytes until closed; the holder owns the buffer and wipes it. */
export class Secret {
  readonly #bytes: Buffer
  #closed = false

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** The bytes themselves, for the one call that needs them; throws once closed, as zeros make a key that works. */
  reveal(): Buffer {
    if (this.#closed) throw new Error('the secret is closed')
    return this.#bytes
  }

  close(): void {
    this.#closed = true
    this.#bytes.fill(0)
  }

  toString(): string {
    return shown
  }

  toJSON(): string {
    return shown
  }

  [inspect.custom](): string {
    return shown
  }
}
