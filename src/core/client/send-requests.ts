// Sends the requests of a streaming call with back-pressure: the source is read only as fast as the server takes requests.
import type { ClientDuplexStream, ClientWritableStream } from '@grpc/grpc-js'

type Outgoing = ClientDuplexStream<unknown, unknown> | ClientWritableStream<unknown>

/** The sending of a call's requests. */
export interface Sending {
  /** The error that the source threw; undefined if it has not. */
  failure(): unknown
  /** True if all requests and the end of them were passed to gRPC. */
  ended(): boolean
  /** Stops sending and closes the source. */
  stop(): void
}

/** Begins to send. A source that throws cancels the call. At most 16 requests wait for the server. */
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
