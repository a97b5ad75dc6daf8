// A value that cannot be printed: not by console, template, JSON or the inspector. Only `reveal` shows it.
import { inspect } from 'node:util'

const shown = '[secret]'

/** Holds secret bytes until closed; the holder owns the buffer and wipes it. */
export class Secret {
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** The bytes themselves, for the one call that needs them. */
  reveal(): Buffer {
    return this.#bytes
  }

  close(): void {
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
