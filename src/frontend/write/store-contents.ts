// Stores contents of any size, piece by piece. Contents that fit one part go into the envelope. Larger contents become
// parts, each stored while the next one is sealed, and one last write makes the parts a record. Until that write nobody
// sees the record, and after a failure only parts are left, which the back end sweeps.
// A transfer holds at most six sealed parts of 1 MiB: four on their way, each with a copy in its message, one that waits
// for room, and one that is being filled. Back-pressure: contents are read only while there is room.

import { abortableIterable, linkedSignal } from '../../core/concurrency/abort.js'
import { VaultError } from '../../core/errors.js'
import { noBytes } from '../../core/frame.js'
import type { CallContext } from '../../core/methods.js'
import type { StoredEnvelope, StorePartRequest } from '../../gen/encserver/v1/backend.js'
import { partSealer } from '../crypto/parts.js'
import type { RecordSeal } from '../crypto/record.js'
import type { RunningDigest } from '../crypto/running-digest.js'
import { isUnknownOutcome, retryTransient } from '../upstream/retry.js'
import type { Vault } from '../vault/vault.js'
import { commitWithRetry } from './commit-retry.js'
import type { RecordWrite, SealedWrite } from './record-write.js'
import { newSeal } from './store-record.js'
import { taskGroup } from './task-group.js'
import { digestOf } from './write-proof.js'

const maxPartsInFlight = 4
const partSetIdBytes = 16
const partsNotStored = 'the back end could not keep the parts of the record; nothing was stored, try again later'
// A back end may sweep parts that belong to no record after 24 hours.
const maxTransferMs = 22 * 3_600_000

/** A record whose contents come piece by piece; nothing is stored if the contents throw. */
export interface StreamedWrite {
  write: RecordWrite
  contents: AsyncIterable<Buffer>
  /** SHA-256 of the contents, complete when they end; used only for a write with a secret. */
  digest: RunningDigest
}

/** The answer to an upload or a restore. */
export interface StoredRecordKey extends StoredEnvelope {
  recordKey: string
  keyId: Buffer
}

/** Rejects as `storeRecord` does, with the error that the contents throw, and with PARTS_MISSING. */
export async function storeContents(
  vault: Vault,
  { write, contents, digest }: StreamedWrite,
  call: CallContext,
): Promise<StoredRecordKey> {
  const deadline = Math.min(call.deadline, Date.now() + maxTransferMs)
  const seal = newSeal(vault, write)
  const { signal, abort, leave } = linkedSignal(call.signal)
  const timeoutMs = Math.min(deadline - Date.now(), maxTransferMs)
  const timer = setTimeout(abort, timeoutMs, new VaultError('DEADLINE_EXCEEDED'))
  try {
    const partSetId = vault.random.fill(Buffer.alloc(partSetIdBytes))
    const target = { recordId: write.recordId, keyId: seal.keyId, partSetId, failed: abort }
    const parts = partWriter(vault, target, { ...call, deadline, signal })
    const body = await sealContents(abortableIterable(contents, signal), seal, parts)
    const writeDigest = digestOf(vault, write, { sizeBytes: body.sizeBytes, hash: digest.finish })
    const sealed = { write, seal, partSetId: body.partCount === 0 ? noBytes : partSetId, writeDigest, ...body }
    const stored = await commitWithRetry(vault, sealed, { ...call, deadline })
    return { recordKey: seal.token, keyId: seal.keyId, ...stored }
  } finally {
    clearTimeout(timer)
    leave()
    abort(undefined) // parts still on their way belong to no record
    seal.close()
  }
}

/** Seals all contents, and stores them in parts unless they fit one. */
async function sealContents(
  contents: AsyncIterable<Buffer>,
  seal: RecordSeal,
  parts: PartWriter,
): Promise<Pick<SealedWrite, 'envelope' | 'partCount' | 'sizeBytes'>> {
  const sealer = partSealer(seal.cipher)
  let sizeBytes = 0
  try {
    for await (const bytes of contents) {
      sizeBytes += bytes.length
      for (const part of sealer.add(bytes)) await parts.write(part)
    }
    const last = sealer.finish()
    if (parts.count() === 0) return { envelope: Buffer.concat([seal.header, last]), partCount: 0, sizeBytes }
    await parts.write(last)
    await parts.drain()
    return { envelope: seal.header, partCount: parts.count(), sizeBytes }
  } finally {
    sealer.close()
  }
}

/** Stores the parts of one record, several at once. */
interface PartWriter {
  /** Resolves when the part is on its way; parts are numbered in the order of the calls. */
  write(part: Buffer): Promise<void>
  /** Resolves when all parts are durable. */
  drain(): Promise<void>
  count(): number
}

interface PartTarget {
  recordId: Buffer
  keyId: Buffer
  partSetId: Buffer
  /** Called with the first failure. */
  failed(error: unknown): void
}

function partWriter(vault: Vault, { failed, ...set }: PartTarget, call: CallContext): PartWriter {
  const tasks = taskGroup(maxPartsInFlight, failed)
  let count = 0
  return {
    write(data) {
      const part = { ...set, partNumber: count, data }
      count += 1
      return tasks.start(() => storePart(vault, part, call))
    },
    drain: tasks.drain,
    count: () => count,
  }
}

async function storePart({ backend, retryLimits }: Vault, part: StorePartRequest, call: CallContext): Promise<void> {
  try {
    await retryTransient((attemptCall) => backend.storePart(part, attemptCall), call, retryLimits)
  } catch (error) {
    const inTime = !call.signal.aborted && Date.now() < call.deadline
    throw error instanceof VaultError && inTime ? uploadError(error) : error
  }
}

/** The error of an upload for the error of one of its parts: no record exists before the last write. */
function uploadError(error: VaultError): VaultError {
  // Other bytes under a key id just drawn are the back end's fault, and say nothing of a record of that name.
  if (error.reason === 'ALREADY_EXISTS') return new VaultError('INTERNAL', { cause: error })
  if (!isUnknownOutcome(error)) return error
  const { retryAfterMs } = error
  return new VaultError('BACKEND_UNAVAILABLE', {
    message: partsNotStored,
    cause: error,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  })
}
