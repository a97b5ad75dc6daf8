// One upload, ended when the server moves nothing for too long.
import type { FrontendClient } from '../../frontend/client.js'
import type { Stored } from '../keys/key-out.js'
import { stallTimeout } from './stall-timeout.js'
import { withDoubt } from './unknown-outcome.js'
import type { UploadSource } from './upload-source.js'

interface Upload {
  request: Parameters<FrontendClient['uploadRecord']>[0]
  source: UploadSource
  /** Told of each chunk that was taken. */
  moved(): void
}

export async function uploadWithTimeout(
  client: FrontendClient,
  { request, source, moved }: Upload,
  patience: Parameters<typeof stallTimeout>[0],
): Promise<Stored> {
  const watch = stallTimeout(patience)
  let allSent = false
  async function* chunks() {
    watch.rest()
    for await (const chunk of source.chunks()) {
      watch.wait()
      yield chunk
      watch.rest()
      moved()
    }
    watch.wait()
    allSent = true
  }
  const upload = () => client.uploadRecord(request, chunks(), { signal: watch.signal })
  watch.wait()
  try {
    return await withDoubt('unanswered store', upload, () => allSent)
  } finally {
    watch.stop()
  }
}
