// gRPC health. Clients watch it on streams that never end by themselves, so we end them at the stop: else one watcher
// would hold every stop for as long as it may take.
import type { Server, ServerWritableStream, UntypedServiceImplementation } from '@grpc/grpc-js'
import { HealthImplementation } from 'grpc-health-check'

export interface Health {
  /** Answers NOT_SERVING until the first `true`. */
  setReady(ready: boolean): void
  /** Not ready any more, whatever is said later; whoever watches is told and let go. */
  close(): void
}

type Watch = ServerWritableStream<unknown, unknown>

/** Adds health to the server, for the service of that name and for the server as a whole. */
export function serveHealth(server: Server, name: string): Health {
  const health = new HealthImplementation({ '': 'NOT_SERVING', [name]: 'NOT_SERVING' })
  const watches = new Set<Watch>()
  let closed = false
  health.addToServer({
    addService(definition, { watch, ...handlers }: UntypedServiceImplementation) {
      const tracked = (call: Watch) => {
        watches.add(call)
        call.on('cancelled', () => watches.delete(call))
        ;(watch as (call: Watch) => void)(call)
        if (closed) call.end()
      }
      server.addService(definition as never, { ...handlers, watch: tracked } as UntypedServiceImplementation)
    },
  } as Server)
  const setReady = (ready: boolean) => {
    if (closed) return
    for (const each of ['', name]) health.setStatus(each, ready ? 'SERVING' : 'NOT_SERVING')
  }
  return {
    setReady,
    close() {
      setReady(false)
      closed = true
      for (const call of watches) call.end()
    },
  }
}
