// A stream to the back end that carries one batch after another: a message on an open stream costs less than a new
// call. It carries one batch at a time, so that a slow batch, or one that breaks the stream, harms no other.
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

/** The method that opens a stream. */
export type BatchMethods = Pick<Methods<BackendServiceServer>, 'executeBatch'>

/** The calls of a batch, and the receiver of their results. */
export interface Batch {
  calls: BatchCall[]
  /** The stream is aborted when results are missing after this time. */
  timeoutMs: number
  /** Takes results; returns true once all results of the batch have come. */
  accept(results: BatchResult[]): boolean
}

interface ActiveBatch {
  accept: Batch['accept']
  finish(error?: VaultError): void
}

const maxEndMs = 5_000

/** One stream; it opens at once. */
export class BatchStream {
  /** Resolves when the stream has ended for any reason. */
  readonly closed: Promise<void>
  readonly #abort = new AbortController()
  #error: VaultError | undefined
  #active: ActiveBatch | undefined
  #unsent: BatchCall[] | undefined
  #ended = false
  #wake = (): void => undefined

  constructor(methods: BatchMethods) {
    this.closed = this.#receive(methods)
  }

  /** True if the stream can carry no further batch. */
  get isClosed(): boolean {
    return this.#error !== undefined || this.#abort.signal.aborted
  }

  /**
   * Resolves when all results have come, or with the error that broke the stream; never rejects. One batch at a time.
   */
  exchange({ calls, timeoutMs, accept }: Batch): Promise<VaultError | undefined> {
    if (this.#error !== undefined) return Promise.resolve(this.#error)
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#abort.abort(new VaultError('DEADLINE_EXCEEDED')), timeoutMs)
      const finish = (error?: VaultError) => {
        clearTimeout(timer)
        this.#active = undefined
        resolve(error)
      }
      this.#active = { accept, finish }
      this.#unsent = calls
      this.#wake()
    })
  }

  /**
   * Ends the stream; must be called between batches. Aborts it when the back end does not end its side within `endMs`.
   */
  end(endMs = maxEndMs): void {
    this.#ended = true
    this.#wake()
    const timer = setTimeout(() => this.#abort.abort(new VaultError('DEADLINE_EXCEEDED')), endMs).unref()
    void this.closed.then(() => clearTimeout(timer))
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
    const { signal } = this.#abort
    const context = { requestId: newRequestId(), deadline: Number.POSITIVE_INFINITY, signal }
    try {
      for await (const { results } of methods.executeBatch(this.#requests(), context)) this.#take(results)
      this.#error = new VaultError('UNREACHABLE', {
        message: 'the server ended a stream of batches before all answers',
      })
    } catch (error) {
      this.#error = asVaultError(error)
    }
    this.#active?.finish(this.#error)
  }

  #take(results: BatchResult[]): void {
    if (this.#active?.accept(results)) this.#active.finish()
  }
}
