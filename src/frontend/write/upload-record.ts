// An upload: a header, chunks and a finish message. It becomes a record only after a finish with the size, and the digest
// if any, of the chunks. It counts as a transfer from its header on, so that a silent caller takes no place.
import { invalidField } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import type { StoreRecordRequest, UploadFinish, UploadRecordRequest } from '../../gen/encserver/v1/frontend.js'
import { digestSize, type RunningDigest, runningDigest } from '../crypto/running-digest.js'
import type { Vault } from '../vault/vault.js'
import type { RecordWrite } from './record-write.js'
import { type StoredRecordKey, storeContents } from './store-contents.js'

const maxChunkBytes = 1024 * 1024

type Messages = AsyncIterator<UploadRecordRequest>
type Part = NonNullable<UploadRecordRequest['part']>

/** `check` validates the header; rejects as `storeContents` does, and with INVALID_REQUEST or OVERLOADED. */
export async function uploadRecord(
  vault: Vault,
  { requests, check }: { requests: AsyncIterable<UploadRecordRequest>; check(header: StoreRecordRequest): RecordWrite },
  call: CallContext,
): Promise<StoredRecordKey> {
  const messages = requests[Symbol.asyncIterator]()
  const first = await nextPart(messages)
  if (first?.$case !== 'header') throw invalidField('header', 'must come first')
  const write = check(first.value)
  let leaveTransfers: (() => void) | undefined
  try {
    const digest = runningDigest()
    const contents = contentsOf(messages, { maxBytes: vault.maxUploadBytes, digest })
    leaveTransfers = vault.transfers.enter(call)
    return await storeContents(vault, { write, contents, digest }, call)
  } finally {
    leaveTransfers?.()
    write.secret?.key.close()
  }
}

async function nextPart(messages: Messages): Promise<Part | undefined> {
  const { done, value } = await messages.next()
  if (done) return undefined
  if (value.part === undefined) throw invalidField('part', 'must be a header, a chunk or a finish')
  return value.part
}

/** The bytes of the chunks; throws INVALID_REQUEST unless a finish that matches them is the last message. */
async function* contentsOf(
  messages: Messages,
  { maxBytes, digest }: { maxBytes: number; digest: RunningDigest },
): AsyncGenerator<Buffer> {
  let sizeBytes = 0
  for (;;) {
    const part = await nextPart(messages)
    if (part === undefined) throw invalidField('finish', 'is missing: it must come last')
    if (part.$case === 'header') throw invalidField('header', 'must come once')
    if (part.$case === 'finish') {
      checkFinish(part.value, sizeBytes, digest)
      if ((await nextPart(messages)) !== undefined) throw invalidField('finish', 'must come last')
      return
    }
    sizeBytes += checkChunk(part.value)
    if (sizeBytes > maxBytes) throw invalidField('chunk', `makes the record larger than ${maxBytes} bytes`)
    digest.update(part.value)
    yield part.value
  }
}

function checkChunk({ length }: Buffer): number {
  if (length >= 1 && length <= maxChunkBytes) return length
  throw invalidField('chunk', `must be 1 to ${maxChunkBytes} bytes, not ${length}`)
}

function checkFinish({ sizeBytes, sha256 }: UploadFinish, received: number, digest: RunningDigest): void {
  if (sizeBytes !== BigInt(received)) {
    throw invalidField('finish.size_bytes', `must be the total size of the chunks, ${received}, not ${sizeBytes}`)
  }
  if (sha256.length !== 0 && sha256.length !== digestSize) {
    throw invalidField('finish.sha256', `must be ${digestSize} bytes, or empty, not ${sha256.length}`)
  }
  if (sha256.length > 0 && !sha256.equals(digest.finish())) {
    throw invalidField('finish.sha256', 'does not match the chunks: they changed in transit')
  }
}
