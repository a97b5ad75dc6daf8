// Batches reads: the reads of one turn of the event loop share one job in the thread pool, and so do reads that arrive
// while all jobs are busy. A job costs two thread switches, which take longer than the read itself.
import { checkDeadline, rejectExpired } from '../../store/deadline.js'
import type { StoreCall } from '../../store/store.js'

interface PendingRead<Value> {
  key: Buffer
  call: StoreCall
  resolve(value: Value | undefined): void
  reject(error: unknown): void
}

/** The size of one job; a longer one delays the jobs behind it, and a job of large rows holds all of them in memory. */
const maxKeys = 32
/**
 * The jobs at once. The thread pool has four threads: one stays free for writes, and for the key filter after a start.
 */
const maxJobs = 3

function distribute<Value>(batch: PendingRead<Value>[], values: (Value | undefined)[]): void {
  for (const [at, { call, resolve, reject }] of batch.entries()) {
    try {
      checkDeadline(call)
      resolve(values[at])
    } catch (error) {
      reject(error)
    }
  }
}

/** Returns a function that reads one key, on top of `read`, which reads many at a time. */
export function readBatcher<Value>(
  read: (keys: Buffer[]) => Promise<(Value | undefined)[]>,
): (key: Buffer, call: StoreCall) => Promise<Value | undefined> {
  const waiting: PendingRead<Value>[] = []
  let jobs = 0

  async function readBatch(batch: PendingRead<Value>[]): Promise<void> {
    try {
      distribute(batch, await read(batch.map(({ key }) => key)))
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

  // A tick requested by a microtask runs after all microtasks, and so after every read that this turn still requests.
  const afterTurn = () => process.nextTick(readWaiting)

  return async (key, call) => {
    checkDeadline(call)
    return new Promise((resolve, reject) => {
      waiting.push({ key, call, resolve, reject })
      if (waiting.length === 1 && jobs < maxJobs) queueMicrotask(afterTurn)
    })
  }
}
