// What went each way on a stream, and what became of its items, for its line in the log.

import type { AnyMethod } from './call-log.js'
import type { Frame } from './message-reader.js'

export function streamCounts({ outcomesOf }: AnyMethod) {
  const counts = { requests: 0, requestBytes: 0, responses: 0, responseBytes: 0 }
  const items = { items: 0, failedItems: 0 }
  return {
    received({ length }: Frame): void {
      counts.requests += 1
      counts.requestBytes += length
    },
    answered(response: unknown, { length }: Frame): void {
      counts.responses += 1
      counts.responseBytes += length
      if (outcomesOf === undefined) return
      for (const outcome of outcomesOf(response)) {
        items.items += 1
        if (outcome?.$case === 'error') items.failedItems += 1
      }
    },
    /** So far. */
    all: () => (outcomesOf === undefined ? counts : { ...counts, ...items }),
  }
}

export type StreamCounts = ReturnType<typeof streamCounts>
