// The read window: bounds the records that were read and are not sent yet, for each reader and for the whole process. The
// size of a record is unknown until it is read, so a window limits reads by number. It opens by one with each small record
// and closes with a large one, as the window of TCP does with losses.

/** The limits of a window. */
export interface WindowLimits {
  /** Reads at once after many small records. */
  maxReads: number
  /** Reads at once at first, and after a record of more than 64 KiB. */
  maxLargeReads: number
  /** No read begins while results of this size wait to be sent. */
  maxUnsentBytes: number
}

const largeBytes = 64 * 1024

/** Counts reads and their results against limits. */
class WindowCount {
  readonly #limits: WindowLimits
  #reads = 0
  #maxReads: number
  #unsentBytes = 0

  constructor(limits: WindowLimits) {
    this.#limits = limits
    this.#maxReads = limits.maxLargeReads
  }

  get hasRoom(): boolean {
    return this.#reads < this.#maxReads && this.#unsentBytes < this.#limits.maxUnsentBytes
  }

  begin(): void {
    this.#reads += 1
  }

  end(resultBytes: number): void {
    const { maxReads, maxLargeReads } = this.#limits
    this.#reads -= 1
    this.#unsentBytes += resultBytes
    this.#maxReads = resultBytes > largeBytes ? maxLargeReads : Math.min(maxReads, this.#maxReads + 1)
  }

  sent(resultBytes: number): void {
    this.#unsentBytes -= resultBytes
  }

  get unsentBytes(): number {
    return this.#unsentBytes
  }
}

/** The window of the process, shared by those of its readers: connections or streams. */
export class SharedReadWindow {
  readonly #count: WindowCount
  readonly #readerLimits: WindowLimits
  /** Readers with reads that wait, the longest waiting first. */
  readonly #readers: ReadWindow[] = []

  /** A reader that takes no results holds at most its own window. */
  constructor(limits: { process: WindowLimits; reader: WindowLimits }) {
    this.#count = new WindowCount(limits.process)
    this.#readerLimits = limits.reader
  }

  /** The window of a new reader. */
  forReader(): ReadWindow {
    return new ReadWindow(new WindowCount(this.#readerLimits), this.#count, this.#readers)
  }
}

/** Lets the reads of a reader begin, in the order of their calls. */
export class ReadWindow {
  readonly #own: WindowCount
  readonly #shared: WindowCount
  readonly #readers: ReadWindow[]
  readonly #waiting: (() => void)[] = []
  #cancelled = false

  constructor(own: WindowCount, shared: WindowCount, readers: ReadWindow[]) {
    this.#own = own
    this.#shared = shared
    this.#readers = readers
  }

  /** Resolves when the read may begin; undefined if it may begin at once. */
  enter(): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#hasRoom) {
      this.#begin()
      return undefined
    }
    if (this.#waiting.length === 0) this.#readers.push(this)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Counts a read that has ended; its result waits to be sent. */
  leave(resultBytes: number): void {
    this.#own.end(resultBytes)
    this.#shared.end(resultBytes)
    this.#admit()
  }

  /** Counts results that have been sent. */
  sent(resultBytes: number): void {
    this.#own.sent(resultBytes)
    this.#shared.sent(resultBytes)
    this.#admit()
  }

  /** Lets all reads begin, for a reader that was cancelled: each of them fails at once. */
  cancel(): void {
    this.#cancelled = true
    this.#admit()
  }

  /** Gives back the room of results that nobody will take; the reader has ended and has no reads. */
  close(): void {
    this.sent(this.#own.unsentBytes)
  }

  get #hasRoom(): boolean {
    return this.#cancelled || (this.#own.hasRoom && this.#shared.hasRoom)
  }

  #begin(): void {
    this.#own.begin()
    this.#shared.begin()
  }

  /** Begins waiting reads, one of each reader in turn. */
  #admit(): void {
    for (let blocked = 0; blocked < this.#readers.length; ) {
      const reader = this.#readers.shift() as ReadWindow
      blocked = reader.#beginNext() ? 0 : blocked + 1
      if (reader.#waiting.length > 0) this.#readers.push(reader)
    }
  }

  #beginNext(): boolean {
    const begin = this.#hasRoom ? this.#waiting.shift() : undefined
    if (begin === undefined) return false
    this.#begin()
    begin()
    return true
  }
}
