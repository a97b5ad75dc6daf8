// The requests of a streaming call, sent as their source yields them and the server takes them.
import type { ClientDuplexStream, ClientWritableStream } from '@grpc/grpc-js'

type Outgoing = ClientDuplexStream<unknown, unknown> | ClientWritableStream<unknown>

export interface Sending {
  /** What the source threw; undefined while it has not. */
  failure(): unknown
  /** Whether all was handed over, and the call told so. */
  ended(): boolean
  /** Lets the source go. */
  stop(): void
}

/** Begins to send; a source that fails cancels the call. At most 16 requests are yielded and not yet taken. */
export function sendRequests(call: Outgoing, requests: AsyncIterable<unknown>): Sending {
  const source = requests[Symbol.asyncIterator]()
  let failure: unknown
  let stopped = false
  let ended = false
  let wake = (): void => undefined

  async function run(): Promise<void> {
    while (!stopped) {
      const next = await source.next()
      if (stopped) return
      if (next.done) {
        ended = true
        return void call.end()
      }
      if (!call.write(next.value)) await drained()
    }
  }

  function drained(): Promise<void> {
    return new Promise((resolve) => {
      wake = resolve
      call.once('drain', resolve)
    })
  }

  run().catch((cause: unknown) => {
    failure = cause
    call.cancel()
  })
  return {
    failure: () => failure,
    ended: () => ended,
    stop() {
      stopped = true
      wake()
      source.return?.().catch(() => undefined)
    },
  }
}
