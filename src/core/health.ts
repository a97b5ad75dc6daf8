// gRPC health. Clients watch it on streams that never end by themselves: they are ended at the stop.
import { HealthImplementation } from 'grpc-health-check'
import { type LibraryService, libraryService } from './library-service.js'

export interface Health {
  readonly handlers: LibraryService['handlers']
  /** Answers NOT_SERVING until the first `true`. */
  setReady(ready: boolean): void
  /** Not ready any more, whatever is said later; whoever watches is told and let go. */
  close(): void
}

/** The health of the service of that name and of the server as a whole; `failed` is told of bugs. */
export function serveHealth(name: string, failed: (cause: unknown) => void): Health {
  const health = new HealthImplementation({ '': 'NOT_SERVING', [name]: 'NOT_SERVING' })
  const service = libraryService((server) => health.addToServer(server as never), failed)
  let closed = false
  const setReady = (ready: boolean) => {
    if (closed) return
    for (const each of ['', name]) health.setStatus(each, ready ? 'SERVING' : 'NOT_SERVING')
  }
  return {
    handlers: service.handlers,
    setReady,
    close() {
      setReady(false)
      closed = true
      service.close()
    },
  }
}
