// One writer, one synced batch in flight; what arrives meanwhile rides the next. A sync costs the disk the same for one
// write as for a thousand, so this is what makes durable answers cheap. It is also the compare-and-set: as nobody else
// writes, what is decided against the rows read for a batch still holds when the batch is written.
import { VaultError } from '../../../core/errors.js'
import { rejectExpired } from '../../store/deadline.js'
import type { StoreCall } from '../../store/store.js'

/** What a call makes of the current value; without a `change` nothing is written for it. */
export interface Decision<Value, Answer> {
  /** What the key holds from now on; undefined deletes it. */
  change?: { value: Value | undefined }
  answer: Answer
}

export interface Write<Value, Answer> {
  key: Buffer
  /** About what it adds to a batch. */
  bytes: number
  /** What it throws fails this call alone. */
  decide(current: Value | undefined): Decision<Value, Answer>
  call: StoreCall
}

export interface Change<Value> {
  key: Buffer
  value: Value | undefined
}

/** The database behind it. */
export interface Engine<Value> {
  read(keys: Buffer[]): Promise<(Value | undefined)[]>
  /** Atomic, and durable when it resolves. */
  write(changes: Change<Value>[]): Promise<void>
}

export interface CommitLimits {
  batchEntries: number
  batchBytes: number
  waitingEntries: number
  waitingBytes: number
}

export interface GroupCommit<Value> {
  /** Resolves when the batch is durable; rejects with OVERLOADED, and does not wait, when too much waits already. */
  submit<Answer>(write: Write<Value, Answer>): Promise<Answer>
  /** Resolves when nothing waits any more; later writes are refused. */
  close(): Promise<void>
}

interface Waiting<Value> extends Write<Value, unknown> {
  resolve(answer: unknown): void
  reject(error: unknown): void
}

interface Row<Value> extends Change<Value> {
  changed: boolean
}

const MiB = 1024 * 1024
const retryAfterMs = 100

export const defaultLimits: CommitLimits = {
  batchEntries: 1024,
  batchBytes: 8 * MiB,
  waitingEntries: 4096,
  waitingBytes: 64 * MiB,
}

/** Takes the next batch off the queue: at least one entry, then as many as fit. */
function takeBatch<Value>(queue: Waiting<Value>[], limits: CommitLimits): Waiting<Value>[] {
  let bytes = 0
  let count = 0
  for (const entry of queue) {
    bytes += entry.bytes
    if (count > 0 && (count === limits.batchEntries || bytes > limits.batchBytes)) break
    count += 1
  }
  return queue.splice(0, count)
}

/** The rows of one batch, as they are and as its entries change them. */
async function readRows<Value>(batch: Waiting<Value>[], engine: Engine<Value>): Promise<Map<string, Row<Value>>> {
  const rows = new Map<string, Row<Value>>()
  for (const { key } of batch) rows.set(key.toString('latin1'), { key, value: undefined, changed: false })
  const values = await engine.read(Array.from(rows.values(), ({ key }) => key))
  let at = 0
  for (const row of rows.values()) row.value = values[at++]
  return rows
}

/** Decides each entry against the rows as the entries before it left them; returns what to call once that is durable. */
function decideAll<Value>(batch: Waiting<Value>[], rows: Map<string, Row<Value>>): (() => void)[] {
  return batch.map(({ key, decide, resolve, reject }) => {
    const row = rows.get(key.toString('latin1')) as Row<Value>
    try {
      const { change, answer } = decide(row.value)
      if (change) Object.assign(row, { value: change.value, changed: true })
      return () => resolve(answer)
    } catch (error) {
      // Not now: what it was held against may be an earlier entry of this batch, which is not durable yet.
      return () => reject(error)
    }
  })
}

async function commit<Value>(batch: Waiting<Value>[], engine: Engine<Value>): Promise<void> {
  try {
    const rows = await readRows(batch, engine)
    const answers = decideAll(batch, rows)
    const changes = [...rows.values()].filter(({ changed }) => changed)
    if (changes.length > 0) await engine.write(changes)
    for (const answer of answers) answer()
  } catch (error) {
    for (const { reject } of batch) reject(error)
  }
}

export function groupCommit<Value>(engine: Engine<Value>, limits: CommitLimits = defaultLimits): GroupCommit<Value> {
  const queue: Waiting<Value>[] = []
  let queueBytes = 0
  let running: Promise<void> | undefined
  let closed = false

  async function run(): Promise<void> {
    await undefined // lets writes submitted in the same turn join the first batch
    while (queue.length > 0) {
      const taken = takeBatch(queue, limits)
      for (const { bytes } of taken) queueBytes -= bytes
      const batch = rejectExpired(taken)
      if (batch.length > 0) await commit(batch, engine)
    }
    running = undefined
  }

  function enqueue(entry: Waiting<Value>): void {
    queue.push(entry)
    queueBytes += entry.bytes
    running ??= run()
  }

  return {
    async submit(write) {
      if (closed) throw new VaultError('STORE_UNAVAILABLE')
      if (queue.length >= limits.waitingEntries || queueBytes + write.bytes > limits.waitingBytes) {
        throw new VaultError('OVERLOADED', { retryAfterMs })
      }
      return new Promise((resolve, reject) => {
        enqueue({ resolve: resolve as Waiting<Value>['resolve'], reject, ...write })
      })
    },
    async close() {
      closed = true
      await running
    },
  }
}
