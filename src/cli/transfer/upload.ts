// The upload of one record. It fails when the server stalls; the upload of a file in a folder import is retried.
import { setTimeout as sleep } from 'node:timers/promises'
import { backoffMs, retry } from '../../core/concurrency/backoff.js'
import { VaultError } from '../../core/errors.js'
import type { FrontendClient } from '../../frontend/client.js'
import type { StoredVersion } from '../keys/key-out.js'
import { type StallLimit, stallTimeout } from './stall-timeout.js'
import { isTransient } from './transient.js'
import { withDoubt } from './unknown-outcome.js'
import type { UploadSource } from './upload-source.js'

type UploadRequest = Parameters<FrontendClient['uploadRecord']>[0]

interface Upload {
  request: UploadRequest
  source: UploadSource
  /** Called after each chunk that the server took. */
  onProgress(): void
}

/** Uploads once. Rejects with DEADLINE_EXCEEDED when the server takes no chunk, or does not answer, for `stallMs`. */
export async function uploadWithTimeout(
  client: FrontendClient,
  { request, source, onProgress }: Upload,
  limit: StallLimit,
): Promise<StoredVersion> {
  const stall = stallTimeout(limit)
  let allSent = false
  async function* chunks() {
    stall.rest()
    for await (const chunk of source.chunks()) {
      stall.wait()
      yield chunk
      stall.rest()
      onProgress()
    }
    stall.wait()
    allSent = true
  }
  const upload = () => client.uploadRecord(request, chunks(), { signal: stall.signal })
  stall.wait()
  try {
    return await withDoubt('unanswered store', upload, () => allSent)
  } finally {
    stall.stop()
  }
}

interface RetriedUpload extends Pick<Upload, 'request' | 'onProgress'> {
  /** Opens the file at its start. */
  open(): Promise<UploadSource>
  /** Called once if the upload has to wait for the server. */
  onWaiting(error: VaultError): void
}

const maxTries = 6
const backoff = { firstMs: 400, maxMs: 10_000 }

/** Uploads a file, and again from its start after a transient error; rejects when the server stalls for `stallMs`. */
export async function uploadWithRetry(
  client: FrontendClient,
  { request, open, onProgress, onWaiting }: RetriedUpload,
  limit: StallLimit,
): Promise<StoredVersion> {
  const { stallMs, signal } = limit
  let progressAt = performance.now()
  const noteProgress = () => {
    progressAt = performance.now()
    onProgress()
  }
  const attempt = async () => {
    const source = await open()
    try {
      return await uploadWithTimeout(client, { request, source, onProgress: noteProgress }, limit)
    } finally {
      await source.close()
    }
  }
  const waitMs = (error: unknown, tries: number) => {
    const isHopeless = tries === maxTries || performance.now() - progressAt >= stallMs || signal.aborted
    if (isHopeless || !(error instanceof VaultError) || !isTransient(error)) throw error
    if (tries === 2) onWaiting(error)
    return Math.max(backoffMs(tries, backoff), error.retryAfterMs ?? 0)
  }
  return retry(attempt, { waitMs, pause: (ms) => sleep(ms, undefined, { signal }) })
}
