// A group of tasks with bounded concurrency that fails fast: the first failure keeps further tasks from starting.
import { semaphore } from '../../core/concurrency/semaphore.js'

/** A group that accepts tasks until one fails. */
export interface TaskGroup {
  /** Starts the task once there is room, and resolves then. After a failure it rejects with the first one instead. */
  start(task: () => Promise<void>): Promise<void>
  /** Resolves when no task is running; rejects as soon as any task has failed. */
  drain(): Promise<void>
}

/** Runs at most `max` tasks at once; calls `failed` with the first failure, even while nobody waits for the group. */
export function taskGroup(max: number, failed: (error: unknown) => void): TaskGroup {
  const permits = semaphore(max)
  let failure: { cause: unknown } | undefined

  function fail(cause: unknown): void {
    if (failure) return
    failure = { cause }
    failed(cause)
  }

  async function acquire(): Promise<() => void> {
    const release = await permits.acquire()
    if (!failure) return release
    release()
    throw failure.cause
  }

  return {
    async start(task) {
      const release = await acquire()
      void task().catch(fail).finally(release)
    },
    // While `drain` holds every permit, no task is running. A failed task gives its permit back, which ends the wait.
    async drain() {
      const held: (() => void)[] = []
      try {
        while (held.length < max) held.push(await acquire())
      } finally {
        for (const release of held) release()
      }
    },
  }
}
