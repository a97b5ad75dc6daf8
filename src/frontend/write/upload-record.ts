// An upload: a header, chunks, a finish. It becomes a record only after a finish that says what was sent. It takes the room
// of a transfer when its header has come: who says nothing takes none.
import { invalidField } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import type { StoreRecordRequest, UploadFinish, UploadRecordRequest } from '../../gen/encserver/v1/frontend.js'
import { digestSize, type RunningDigest, runningDigest } from '../crypto/running-digest.js'
import type { Vault } from '../vault/vault.js'
import { type Stored, storeContents } from './store-contents.js'
import type { Storing } from './store-record.js'

const maxChunkBytes = 1024 * 1024

type Requests = AsyncIterator<UploadRecordRequest>
type Part = NonNullable<UploadRecordRequest['part']>

/** `check` makes of the header what there is to store; rejects as `storeContents` does, and with INVALID_REQUEST or OVERLOADED. */
export async function uploadRecord(
  vault: Vault,
  { requests, check }: { requests: AsyncIterable<UploadRecordRequest>; check(header: StoreRecordRequest): Storing },
  call: CallContext,
): Promise<Stored> {
  const reading = requests[Symbol.asyncIterator]()
  const first = await nextPart(reading)
  if (first?.$case !== 'header') throw invalidField('header', 'must come first')
  const storing = check(first.value)
  const contents = contentsOf(reading, { maxBytes: vault.maxUploadBytes, digest: runningDigest() })
  return vault.transfers.run(() => storeContents(vault, { ...storing, contents }, call))
}

async function nextPart(reading: Requests): Promise<Part | undefined> {
  const { done, value } = await reading.next()
  if (done) return undefined
  if (value.part === undefined) throw invalidField('part', 'must be a header, a chunk or a finish')
  return value.part
}

/** The bytes of the chunks; ends well only after a finish that fits them, and nothing after it. */
async function* contentsOf(
  reading: Requests,
  { maxBytes, digest }: { maxBytes: number; digest: RunningDigest },
): AsyncGenerator<Buffer> {
  let sizeBytes = 0
  for (;;) {
    const part = await nextPart(reading)
    if (part === undefined) throw invalidField('finish', 'is missing: it must come last')
    if (part.$case === 'header') throw invalidField('header', 'must come once')
    if (part.$case === 'finish') {
      checkFinish(part.value, sizeBytes, digest)
      if ((await nextPart(reading)) !== undefined) throw invalidField('finish', 'must come last')
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
    throw invalidField('finish.size_bytes', `must be what the chunks are together, ${received}, not ${sizeBytes}`)
  }
  if (sha256.length !== 0 && sha256.length !== digestSize) {
    throw invalidField('finish.sha256', `must be ${digestSize} bytes, or empty, not ${sha256.length}`)
  }
  if (sha256.length > 0 && !sha256.equals(digest.finish())) {
    throw invalidField('finish.sha256', 'is not that of the chunks: they changed on their way')
  }
}
