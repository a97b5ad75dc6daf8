// The streams that batches are sent on. One that has nothing to do is kept for a moment, and none is kept for long: a back
// end that is asked to stop waits for them, and one that is new gets its share of them.
import type { VaultError } from '../../core/errors.js'
import { type Batch, type BatchMethods, BatchStream } from './batch-stream.js'

export interface StreamLimits {
  /** A stream without a batch is ended after this. */
  idleMs: number
  /** One that is older gets no further batch. */
  ageMs: number
}

export interface StreamPool {
  /** Whether one waits that can have a batch. */
  isReady(): boolean
  /** Resolves when all results are there, or with what broke the stream; never rejects. */
  exchange(batch: Batch): Promise<VaultError | undefined>
}

const defaultLimits: StreamLimits = { idleMs: 500, ageMs: 2_000 }

interface Kept {
  stream: BatchStream
  openedAt: number
  timer: NodeJS.Timeout
}

export function streamPool(methods: BatchMethods, { idleMs, ageMs } = defaultLimits): StreamPool {
  /** Those without a batch, the one used last at the end. */
  const idle: Kept[] = []

  function open(): Kept {
    const stream = new BatchStream(methods)
    const timer = setTimeout(() => forget(kept) && stream.end(), idleMs).unref()
    const kept = { stream, openedAt: performance.now(), timer }
    void stream.over.then(() => {
      clearTimeout(timer)
      forget(kept)
    })
    return kept
  }

  /** Returns whether it had no batch. */
  function forget(kept: Kept): boolean {
    const at = idle.indexOf(kept)
    if (at >= 0) idle.splice(at, 1)
    return at >= 0
  }

  const isFresh = ({ stream, openedAt }: Kept) => !stream.isOver && performance.now() - openedAt < ageMs

  /** The one used last that can have a batch, or else a new one. */
  function take(): Kept {
    const kept = idle.pop()
    if (kept === undefined) return open()
    if (isFresh(kept)) return kept
    kept.stream.end()
    return take()
  }

  return {
    isReady: () => idle.some(isFresh),
    async exchange(batch) {
      const kept = take()
      const broken = await kept.stream.exchange(batch)
      if (broken !== undefined) return broken
      if (isFresh(kept)) idle.push(kept)
      else kept.stream.end()
      kept.timer.refresh()
      return undefined
    },
  }
}
