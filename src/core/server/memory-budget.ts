// A memory budget for the request bytes of all calls of a server that their methods have not read yet.

const defaultMaxBytes = 256 * 1024 * 1024

/** Counts bytes against a limit. Whoever takes bytes checks `isSpent` and gives them back. */
export class MemoryBudget {
  readonly #maxBytes: number
  #bytes = 0

  constructor(maxBytes = defaultMaxBytes) {
    this.#maxBytes = maxBytes
  }

  get isSpent(): boolean {
    return this.#bytes > this.#maxBytes
  }

  /** Takes bytes; a negative number gives them back. */
  take(bytes: number): void {
    this.#bytes += bytes
  }
}
