// Bounds what all calls of a server together hold of requests that nobody has taken yet: a message that has begun, or one
// that waits for its method.

const maxBytes = 256 * 1024 * 1024

export class MemoryBudget {
  readonly #maxBytes: number
  #bytes = 0

  constructor(max = maxBytes) {
    this.#maxBytes = max
  }

  get isSpent(): boolean {
    return this.#bytes > this.#maxBytes
  }

  /** Less than nothing gives back. */
  take(bytes: number): void {
    this.#bytes += bytes
  }
}
