// A memory budget for the request bytes of all calls of a server that their methods have not read yet.

const defaultMaxBytes = 192 * 1024 * 1024

/** Counts bytes against a limit. The caller that takes bytes must check `isSpent`, and must return the bytes later. */
export class MemoryBudget {
  readonly #maxBytes: number
  #bytes = 0

  constructor(maxBytes = defaultMaxBytes) {
    this.#maxBytes = maxBytes
  }

  get isSpent(): boolean {
    return this.#bytes > this.#maxBytes
  }

  /** Takes bytes; a negative number returns them. */
  take(bytes: number): void {
    this.#bytes += bytes
  }
}
