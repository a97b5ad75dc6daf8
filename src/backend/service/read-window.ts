// The read window: bounds the rows that batches have read and not sent yet, for each stream and for the whole process. The
// size of a row is unknown until it is read, so a window limits reads by number, and by far fewer after a large row.

interface WindowLimits {
  /** Reads at once while rows are small. */
  maxReads: number
  /** Reads at once after a large row. */
  maxLargeReads: number
  /** No read begins while results of this size wait to be sent. */
  maxUnsentBytes: number
}

const MiB = 1024 * 1024
const largeRowBytes = 64 * 1024
/** A stream that nobody reads holds this much, so that it takes a small share of the process. */
const streamLimits: WindowLimits = { maxReads: 64, maxLargeReads: 4, maxUnsentBytes: 4 * MiB }
const processLimits: WindowLimits = { maxReads: 64, maxLargeReads: 16, maxUnsentBytes: 64 * MiB }

/** Counts reads and their results against limits. */
class WindowCount {
  readonly #limits: WindowLimits
  #reads = 0
  #maxReads: number
  #unsentBytes = 0

  constructor(limits: WindowLimits) {
    this.#limits = limits
    this.#maxReads = limits.maxReads
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
    this.#maxReads = resultBytes > largeRowBytes ? maxLargeReads : maxReads
  }

  sent(resultBytes: number): void {
    this.#unsentBytes -= resultBytes
  }

  get unsentBytes(): number {
    return this.#unsentBytes
  }
}

/** The window of the process, shared by those of its streams. */
export class SharedReadWindow {
  readonly #count = new WindowCount(processLimits)
  /** Streams with reads that wait for the process, the longest waiting first. */
  readonly #streams: ReadWindow[] = []

  /** The window of a new stream. */
  forStream(): ReadWindow {
    return new ReadWindow(this.#count, this.#streams)
  }
}

/** Lets the reads of a stream begin, in the order of their calls. */
export class ReadWindow {
  readonly #own = new WindowCount(streamLimits)
  readonly #shared: WindowCount
  readonly #streams: ReadWindow[]
  readonly #waiting: (() => void)[] = []
  #cancelled = false

  constructor(shared: WindowCount, streams: ReadWindow[]) {
    this.#shared = shared
    this.#streams = streams
  }

  /** Resolves when the read may begin; undefined if it may begin at once. */
  enter(): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#hasRoom) {
      this.#begin()
      return undefined
    }
    if (this.#waiting.length === 0) this.#streams.push(this)
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

  /** Lets all reads begin, for a stream that was cancelled: each of them fails at once. */
  cancel(): void {
    this.#cancelled = true
    this.#admit()
  }

  /** Gives back the room of results that nobody will take; the stream has ended and has no reads. */
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

  /** Begins waiting reads, one of each stream in turn. */
  #admit(): void {
    for (let blocked = 0; blocked < this.#streams.length; ) {
      const stream = this.#streams.shift() as ReadWindow
      blocked = stream.#beginNext() ? 0 : blocked + 1
      if (stream.#waiting.length > 0) this.#streams.push(stream)
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
