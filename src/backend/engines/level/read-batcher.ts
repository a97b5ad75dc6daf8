// Reads of one turn share one job of the database, and so do those that come while jobs are under way. A job of its own
// costs each read a walk through the thread pool, which is more than the read itself: to wake a thread, and to be woken.
import { checkDeadline, rejectExpired } from '../../store/deadline.js'
import type { StoreCall } from '../../store/store.js'

interface Waiting<Value> {
  key: Buffer
  call: StoreCall
  resolve(value: Value | undefined): void
  reject(error: unknown): void
}

/** Of one job: a long one would hold up those that come after it. */
const maxKeys = 128
/** Under way at once. The thread pool has four threads: one is left to writes, and to what learns keys after a start. */
const maxJobs = 3

function deal<Value>(batch: Waiting<Value>[], values: (Value | undefined)[]): void {
  for (const [at, { call, resolve, reject }] of batch.entries()) {
    try {
      checkDeadline(call)
      resolve(values[at])
    } catch (error) {
      reject(error)
    }
  }
}

/** Reads one key at a time for its callers, and many at a time from the database. */
export function readBatcher<Value>(
  read: (keys: Buffer[]) => Promise<(Value | undefined)[]>,
): (key: Buffer, call: StoreCall) => Promise<Value | undefined> {
  const waiting: Waiting<Value>[] = []
  let jobs = 0

  async function readBatch(batch: Waiting<Value>[]): Promise<void> {
    try {
      deal(batch, await read(batch.map(({ key }) => key)))
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  function readWaiting(): void {
    while (jobs < maxJobs && waiting.length > 0) {
      const batch = rejectExpired(waiting.splice(0, maxKeys))
      if (batch.length === 0) continue
      jobs += 1
      void readBatch(batch).then(jobDone)
    }
  }

  function jobDone(): void {
    jobs -= 1
    readWaiting()
  }

  // A tick that is asked for by a microtask comes after all microtasks: after whatever this turn still asks for.
  const afterTurn = () => process.nextTick(readWaiting)

  return async (key, call) => {
    checkDeadline(call)
    return new Promise((resolve, reject) => {
      waiting.push({ key, call, resolve, reject })
      if (waiting.length === 1 && jobs < maxJobs) queueMicrotask(afterTurn)
    })
  }
}
