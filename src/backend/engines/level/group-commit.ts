// Group commit: one writer with one synced batch in flight. Writes that arrive meanwhile go into the next batch. A sync
// costs the disk the same for one write as for a thousand, so group commit makes durable answers cheap. It also serves
// as the compare-and-set: no other writer exists, so a decision made on the rows read for a batch still holds when the
// batch is written.
import { VaultError } from '../../../core/errors.js'
import { rejectExpired } from '../../store/deadline.js'
import type { StoreCall } from '../../store/store.js'

/** What a write does, given the current value of its key; without a `change` nothing is written. */
export interface Decision<Value, Answer> {
  /** The new value of the key; undefined deletes it. */
  change?: { value: Value | undefined }
  answer: Answer
}

/** A write of one key. */
export interface Write<Value, Answer> {
  key: Buffer
  /** The approximate size of the write in a batch. */
  bytes: number
  /** Decides the write; an error thrown here fails this write alone. */
  decide(current: Value | undefined): Decision<Value, Answer>
  call: StoreCall
}

/** A new value of a key; undefined deletes it. */
export interface Change<Value> {
  key: Buffer
  value: Value | undefined
}

/** The database behind the group commit. */
export interface Engine<Value> {
  read(keys: Buffer[]): Promise<(Value | undefined)[]>
  /** Writes all changes or none; they are durable when it resolves. */
  write(changes: Change<Value>[]): Promise<void>
}

/** The limits of one batch and of the queue. */
export interface CommitLimits {
  batchEntries: number
  batchBytes: number
  waitingEntries: number
  waitingBytes: number
}

/** The one writer of a database. */
export interface GroupCommit<Value> {
  /** Resolves when the batch is durable. Rejects with OVERLOADED at once when the queue is full. */
  submit<Answer>(write: Write<Value, Answer>): Promise<Answer>
  /** Refuses later writes, and resolves when the queue is empty. */
  close(): Promise<void>
}

interface PendingWrite<Value> extends Write<Value, unknown> {
  resolve(answer: unknown): void
  reject(error: unknown): void
}

interface BatchRow<Value> extends Change<Value> {
  changed: boolean
}

const MiB = 1024 * 1024
const retryAfterMs = 100

/** The limits unless others are given. */
export const defaultLimits: CommitLimits = {
  batchEntries: 1024,
  batchBytes: 8 * MiB,
  waitingEntries: 4096,
  waitingBytes: 64 * MiB,
}

/** Takes the next batch off the queue: at least one write, then as many as fit. */
function takeBatch<Value>(queue: PendingWrite<Value>[], limits: CommitLimits): PendingWrite<Value>[] {
  let bytes = 0
  let count = 0
  for (const entry of queue) {
    bytes += entry.bytes
    if (count > 0 && (count === limits.batchEntries || bytes > limits.batchBytes)) break
    count += 1
  }
  return queue.splice(0, count)
}

/** The rows of one batch, as they are before its writes. */
async function readRows<Value>(
  batch: PendingWrite<Value>[],
  engine: Engine<Value>,
): Promise<Map<string, BatchRow<Value>>> {
  const rows = new Map<string, BatchRow<Value>>()
  for (const { key } of batch) rows.set(key.toString('latin1'), { key, value: undefined, changed: false })
  const values = await engine.read(Array.from(rows.values(), ({ key }) => key))
  let at = 0
  for (const row of rows.values()) row.value = values[at++]
  return rows
}

/**
 * Decides each write on its row as the earlier writes of the batch leave it. Returns the answers to give once the
 * batch is durable.
 */
function decideAll<Value>(batch: PendingWrite<Value>[], rows: Map<string, BatchRow<Value>>): (() => void)[] {
  return batch.map(({ key, decide, resolve, reject }) => {
    const row = rows.get(key.toString('latin1')) as BatchRow<Value>
    try {
      const { change, answer } = decide(row.value)
      if (change) Object.assign(row, { value: change.value, changed: true })
      return () => resolve(answer)
    } catch (error) {
      // not at once: the decision may rest on an earlier write of this batch, which is not durable yet
      return () => reject(error)
    }
  })
}

async function commit<Value>(batch: PendingWrite<Value>[], engine: Engine<Value>): Promise<void> {
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

/** Starts a group commit on an engine. The engine must have no other writer. */
export function groupCommit<Value>(engine: Engine<Value>, limits: CommitLimits = defaultLimits): GroupCommit<Value> {
  const queue: PendingWrite<Value>[] = []
  let queueBytes = 0
  let running: Promise<void> | undefined
  let closed = false

  async function run(): Promise<void> {
    await undefined // lets writes of the same turn join the first batch
    while (queue.length > 0) {
      const taken = takeBatch(queue, limits)
      for (const { bytes } of taken) queueBytes -= bytes
      const batch = rejectExpired(taken)
      if (batch.length > 0) await commit(batch, engine)
    }
    running = undefined
  }

  function enqueue(entry: PendingWrite<Value>): void {
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
        enqueue({ resolve: resolve as PendingWrite<Value>['resolve'], reject, ...write })
      })
    },
    async close() {
      closed = true
      await running
    },
  }
}
