// A memory budget for the request bytes of all calls of a server that their methods have not read yet. Calls that hold little have
// a reserve, so that a flood of large requests does not refuse the small ones of others, health checks among them.

const defaultMaxBytes = 192 * 1024 * 1024
/** What small calls may take beyond the budget, as a part of it. */
const reserve = 1 / 4
/** The bytes that a small call holds at most. */
const smallBytes = 16 * 1024

/** Counts bytes against a limit. The call that takes bytes must check `isSpentFor`, and must return the bytes later. */
export class MemoryBudget {
  readonly #maxBytes: number
  #bytes = 0

  constructor(maxBytes = defaultMaxBytes) {
    this.#maxBytes = maxBytes
  }

  /** True if a call that holds so many bytes must give them up. */
  isSpentFor(heldBytes: number): boolean {
    return this.#bytes > (heldBytes <= smallBytes ? this.#maxBytes * (1 + reserve) : this.#maxBytes)
  }

  /** Takes bytes; a negative number returns them. */
  take(bytes: number): void {
    this.#bytes += bytes
  }
}
