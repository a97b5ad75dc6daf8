// A stream to the back end that carries one batch after the other: to begin a call costs more than a message on one that is
// there. It has one batch at a time, so that a batch which is slow, or breaks its stream, harms no other.
import { VaultError } from '../../core/errors.js'
import type { Methods } from '../../core/methods.js'
import { newRequestId } from '../../core/request-id.js'
import { asVaultError } from '../../core/status.js'
import type {
  BackendServiceServer,
  BatchCall,
  BatchResult,
  ExecuteBatchRequest,
} from '../../gen/encserver/v1/backend.js'

export type BatchMethods = Pick<Methods<BackendServiceServer>, 'executeBatch'>

/** A batch and what becomes of it. */
export interface Batch {
  calls: BatchCall[]
  /** The stream is given up when not all results are there after so many milliseconds. */
  timeoutMs: number
  /** Takes results; returns whether they were the last. */
  answered(results: BatchResult[]): boolean
}

interface Running {
  answered: Batch['answered']
  done(broken?: VaultError): void
}

const longestEndMs = 5_000

export class BatchStream {
  /** Resolves at the end of the stream, however it came. */
  readonly over: Promise<void>
  readonly #giveUp = new AbortController()
  #broken: VaultError | undefined
  #running: Running | undefined
  #unsent: BatchCall[] | undefined
  #ended = false
  #wake = (): void => undefined

  constructor(methods: BatchMethods) {
    this.over = this.#receive(methods)
  }

  get isOver(): boolean {
    return this.#broken !== undefined || this.#giveUp.signal.aborted
  }

  /** Resolves when all results are there, or with what broke the stream; never rejects. One at a time. */
  exchange({ calls, timeoutMs, answered }: Batch): Promise<VaultError | undefined> {
    if (this.#broken !== undefined) return Promise.resolve(this.#broken)
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#giveUp.abort(new VaultError('DEADLINE_EXCEEDED')), timeoutMs)
      const done = (broken?: VaultError) => {
        clearTimeout(timer)
        this.#running = undefined
        resolve(broken)
      }
      this.#running = { answered, done }
      this.#unsent = calls
      this.#wake()
    })
  }

  /** To be called between batches; there is none after it. The back end has a moment to end its side. */
  end(endMs = longestEndMs): void {
    this.#ended = true
    this.#wake()
    const timer = setTimeout(() => this.#giveUp.abort(new VaultError('DEADLINE_EXCEEDED')), endMs).unref()
    void this.over.then(() => clearTimeout(timer))
  }

  async *#requests(): AsyncGenerator<ExecuteBatchRequest> {
    while (!this.#ended) {
      const calls = this.#unsent
      this.#unsent = undefined
      if (calls !== undefined) yield { calls }
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  async #receive(methods: BatchMethods): Promise<void> {
    const { signal } = this.#giveUp
    const context = { requestId: newRequestId(), deadline: Number.POSITIVE_INFINITY, signal }
    try {
      for await (const { results } of methods.executeBatch(this.#requests(), context)) this.#take(results)
      this.#broken = new VaultError('UNREACHABLE')
    } catch (error) {
      this.#broken = asVaultError(error)
    }
    this.#running?.done(this.#broken)
  }

  #take(results: BatchResult[]): void {
    if (this.#running?.answered(results)) this.#running.done()
  }
}
