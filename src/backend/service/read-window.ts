// The read window of a batch stream: bounds the rows that are read and not sent yet. The size of a row is unknown until it is
// read, so the window limits reads by number, and by far fewer while the last row was large.

/** Reads at once while rows are small. */
const maxReads = 64
/** Reads at once after a large row. */
const maxLargeReads = 4
const largeRowBytes = 64 * 1024
/** No read begins while results of this size wait to be sent. */
const maxUnsentBytes = 4 * 1024 * 1024

/** Lets reads begin, in the order of their calls. */
export class ReadWindow {
  readonly #waiting: (() => void)[] = []
  #reads = 0
  #maxReads = maxReads
  #unsentBytes = 0
  #closed = false

  /** Resolves when the read may begin; undefined if it may begin at once. */
  enter(): Promise<void> | undefined {
    if (this.#waiting.length > 0 || !this.#hasRoom) return new Promise((resolve) => this.#waiting.push(resolve))
    this.#reads += 1
    return undefined
  }

  /** Counts a read that has ended; its result waits to be sent. */
  leave(resultBytes: number): void {
    this.#reads -= 1
    this.#unsentBytes += resultBytes
    this.#maxReads = resultBytes > largeRowBytes ? maxLargeReads : maxReads
    this.#admit()
  }

  /** Counts results that have been sent. */
  sent(resultBytes: number): void {
    this.#unsentBytes -= resultBytes
    this.#admit()
  }

  /** Lets all reads begin, for a stream that has ended: each of them fails at once. */
  close(): void {
    this.#closed = true
    this.#admit()
  }

  get #hasRoom(): boolean {
    return this.#closed || (this.#reads < this.#maxReads && this.#unsentBytes < maxUnsentBytes)
  }

  #admit(): void {
    while (this.#hasRoom) {
      const begin = this.#waiting.shift()
      if (begin === undefined) return
      this.#reads += 1
      begin()
    }
  }
}
