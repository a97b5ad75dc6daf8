// Stores contents of any size that come piece by piece. What fits one part goes into the envelope; the rest becomes parts,
// each stored while the next is sealed, and then one write that makes them a record. Until that write there is nothing to
// see, and what fails leaves nothing but parts that the back end sweeps.
// A transfer holds at most six sealed parts of 1 MiB: four on their way, each with a copy in its message, one that waits
// for room, one that is gathered. Contents are not asked for more until there is room, which holds their sender back.

import { abortableIterable, linkedSignal } from '../../core/abort.js'
import { VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import type { StoredEnvelope } from '../../gen/encserver/v1/backend.js'
import { type PartSealer, partSealer } from '../crypto/parts.js'
import type { RecordSeal } from '../crypto/record.js'
import { isUnknownOutcome, retryTransient } from '../upstream/retry.js'
import type { Vault } from '../vault/vault.js'
import { commitWithRetry } from './commit-retry.js'
import { type Storing, sealFor } from './store-record.js'
import { taskGroup } from './task-group.js'

const partsAtOnce = 4
const partsNotStored = 'the back end could not keep the parts of the record; nothing was stored, try again later'
// A back end may sweep parts that no record has taken up for 24 hours.
const longestMs = 22 * 3_600_000

export interface StoringContents extends Storing {
  /** They may end by throwing, and then nothing is stored. */
  contents: AsyncIterable<Buffer>
}

/** The answer to a store, whichever call it was. */
export interface Stored extends StoredEnvelope {
  recordKey: string
  keyId: Buffer
}

/** Rejects as `storeRecord` does, with what the contents throw, and with PARTS_MISSING. */
export async function storeContents(vault: Vault, storing: StoringContents, call: CallContext): Promise<Stored> {
  const deadline = Math.min(call.deadline, Date.now() + longestMs)
  const seal = sealFor(vault, storing)
  const sealer = partSealer(seal.cipher)
  const { signal, abort, leave } = linkedSignal(call.signal)
  const late = setTimeout(abort, Math.min(deadline - Date.now(), longestMs), new VaultError('DEADLINE_EXCEEDED'))
  try {
    const parts = partStorer({ vault, storing, seal, failed: abort }, { ...call, deadline, signal })
    const sealed = await sealContents({ storing, seal, sealer, parts }, signal)
    const committing = { ...storing, seal, ...sealed }
    const stored = await commitWithRetry(vault, committing, { ...call, deadline })
    return { recordKey: seal.token, keyId: seal.keyId, ...stored }
  } finally {
    clearTimeout(late)
    leave()
    abort(undefined) // what is still on its way belongs to nothing
    sealer.close()
    seal.close()
  }
}

interface SealingContents {
  storing: StoringContents
  seal: RecordSeal
  sealer: PartSealer
  parts: PartStorer
}

/** Seals all, and stores what is more than one part. */
async function sealContents(
  { storing, seal, sealer, parts }: SealingContents,
  signal: AbortSignal,
): Promise<{ envelope: Buffer; partCount: number; sizeBytes: number }> {
  let sizeBytes = 0
  for await (const bytes of abortableIterable(storing.contents, signal)) {
    sizeBytes += bytes.length
    for (const part of sealer.add(bytes)) await parts.store(part)
  }
  const last = sealer.finish()
  if (parts.count() === 0) return { envelope: Buffer.concat([seal.header, last]), partCount: 0, sizeBytes }
  await parts.store(last)
  await parts.drain()
  return { envelope: seal.header, partCount: parts.count(), sizeBytes }
}

interface PartStorer {
  /** Resolves when the part is on its way; parts have the numbers of their order. */
  store(part: Buffer): Promise<void>
  /** Resolves when all are durable. */
  drain(): Promise<void>
  count(): number
}

interface StoringParts {
  vault: Vault
  storing: Storing
  seal: RecordSeal
  failed(error: unknown): void
}

function partStorer({ vault, storing, seal, failed }: StoringParts, call: CallContext): PartStorer {
  const { recordId } = storing
  const { keyId } = seal
  const tasks = taskGroup(partsAtOnce, failed)
  let count = 0
  return {
    store(data) {
      const part = { recordId, keyId, partNumber: count, data }
      count += 1
      return tasks.start(() => storePart(vault, part, call))
    },
    drain: tasks.drain,
    count: () => count,
  }
}

async function storePart(
  { backend, patience }: Vault,
  part: Parameters<Vault['backend']['storePart']>[0],
  call: CallContext,
): Promise<void> {
  try {
    await retryTransient((once) => backend.storePart(part, once), call, patience)
  } catch (error) {
    const inTime = !call.signal.aborted && Date.now() < call.deadline
    throw error instanceof VaultError && inTime ? meaningOf(error) : error
  }
}

/** What a part's failure means for the record, which is not there before its last write. */
function meaningOf(error: VaultError): VaultError {
  // Other bytes under a key id just drawn are the back end's fault, and say nothing of a record of that name.
  if (error.reason === 'ALREADY_EXISTS') return new VaultError('INTERNAL', { cause: error })
  if (!isUnknownOutcome(error)) return error
  const { retryAfterMs } = error
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs }
  return new VaultError('BACKEND_UNAVAILABLE', { message: partsNotStored, cause: error, ...wait })
}
