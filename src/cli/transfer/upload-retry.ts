// The upload of a file among many: what breaks it and may pass is waited for, and the file is sent again from its start.
import { setTimeout as sleep } from 'node:timers/promises'
import { VaultError } from '../../core/errors.js'
import type { FrontendClient } from '../../frontend/client.js'
import type { ImportJob } from '../import/import-job.js'
import type { Stored } from '../keys/key-out.js'
import { isTransient } from './transient.js'
import type { UploadSource } from './upload-source.js'
import { uploadWithTimeout } from './upload-with-timeout.js'

interface Upload {
  request: Parameters<FrontendClient['uploadRecord']>[0]
  /** The file from its start. */
  reopen(): Promise<UploadSource>
}

const maxTries = 6
const firstDelayMs = 200

export async function uploadWithRetry(
  { request, reopen }: Upload,
  { client, tally, flags, signal }: Pick<ImportJob, 'client' | 'tally' | 'flags'> & { signal: AbortSignal },
): Promise<Stored> {
  const patienceMs = flags.timeout * 1000
  let movedAt = Date.now()
  for (let tries = 1; ; tries += 1) {
    const source = await reopen()
    const moved = () => {
      movedAt = Date.now()
      tally.at({ bytes: 0, totalBytes: undefined })
    }
    try {
      return await uploadWithTimeout(client, { request, source, moved }, { patienceMs, signal })
    } catch (error) {
      const hopeless = tries === maxTries || Date.now() - movedAt >= patienceMs || signal.aborted
      if (hopeless || !(error instanceof VaultError) || !isTransient(error)) throw error
      if (tries === 2) tally.note(`waiting for the server: ${error.reason}`)
      await sleep(Math.max(firstDelayMs * 2 ** tries, error.retryAfterMs ?? 0), undefined, { signal })
    } finally {
      await source.close()
    }
  }
}
