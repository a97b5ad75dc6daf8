// A pool of streams for batches. An idle stream stays open only briefly and no stream gets old: a back end that stops
// waits for its streams, and a new back end must get its share of them.
import type { VaultError } from '../../core/errors.js'
import { type Batch, type BatchMethods, BatchStream } from './batch-stream.js'

/** How long a stream is kept. */
export interface StreamLimits {
  /** An idle stream is ended after this time. */
  idleMs: number
  /** An older stream gets no further batch. */
  maxAgeMs: number
}

/** A pool that opens streams on demand. */
export interface StreamPool {
  /** True if an idle stream can take a batch. */
  isReady(): boolean
  /** Sends a batch. Resolves when all results have come, or with the error that broke the stream; never rejects. */
  exchange(batch: Batch): Promise<VaultError | undefined>
}

const defaultLimits: StreamLimits = { idleMs: 500, maxAgeMs: 2_000 }

interface PooledStream {
  stream: BatchStream
  openedAt: number
  timer: NodeJS.Timeout
}

/** An empty pool. */
export function streamPool(methods: BatchMethods, { idleMs, maxAgeMs } = defaultLimits): StreamPool {
  /** The most recently used stream is the last. */
  const idle: PooledStream[] = []

  function open(): PooledStream {
    const stream = new BatchStream(methods)
    const timer = setTimeout(() => removeIdle(pooled) && stream.end(), idleMs).unref()
    const pooled = { stream, openedAt: performance.now(), timer }
    void stream.closed.then(() => {
      clearTimeout(timer)
      removeIdle(pooled)
    })
    return pooled
  }

  /** Returns whether the stream was idle. */
  function removeIdle(pooled: PooledStream): boolean {
    const at = idle.indexOf(pooled)
    if (at >= 0) idle.splice(at, 1)
    return at >= 0
  }

  const isFresh = ({ stream, openedAt }: PooledStream) => !stream.isClosed && performance.now() - openedAt < maxAgeMs

  /** The most recently used stream that is fresh, or a new one. */
  function acquire(): PooledStream {
    const pooled = idle.pop()
    if (pooled === undefined) return open()
    if (isFresh(pooled)) return pooled
    pooled.stream.end()
    return acquire()
  }

  return {
    isReady: () => idle.some(isFresh),
    async exchange(batch) {
      const pooled = acquire()
      const error = await pooled.stream.exchange(batch)
      if (error !== undefined) return error
      if (isFresh(pooled)) idle.push(pooled)
      else pooled.stream.end()
      pooled.timer.refresh()
      return undefined
    },
  }
}
