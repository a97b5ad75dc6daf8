// gRPC health. Clients watch it on streams that never end by themselves: they are ended at the stop.
import type { Server } from '@grpc/grpc-js'
import { HealthImplementation } from 'grpc-health-check'
import { type PackageService, packageService } from './package-service.js'

export interface Health {
  readonly handlers: PackageService['handlers']
  /** Answers NOT_SERVING until the first `true`. */
  setReady(ready: boolean): void
  /** Not ready any more, whatever is said later; whoever watches is told and let go. */
  close(): void
}

/** The health of the service of that name and of the server as a whole; `failed` is told of bugs. */
export function serveHealth(name: string, failed: (cause: unknown) => void): Health {
  const health = new HealthImplementation({ '': 'NOT_SERVING', [name]: 'NOT_SERVING' })
  const known = ['', name]
  const service = packageService((server) => health.addToServer(watchingOnly(known, server) as never), failed)
  let closed = false
  const setReady = (ready: boolean) => {
    if (closed) return
    for (const each of known) health.setStatus(each, ready ? 'SERVING' : 'NOT_SERVING')
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

/** The package remembers each name that was ever watched: of the unknown ones it gets to know one. */
function watchingOnly(known: string[], server: Pick<Server, 'addService'>): Pick<Server, 'addService'> {
  return {
    addService(definition, { watch, ...handlers }) {
      const watchKnown = (call: { request: { service: string } }) => {
        if (!known.includes(call.request.service)) call.request.service = '?'
        ;(watch as (call: unknown) => void)(call)
      }
      server.addService(definition, { ...handlers, watch: watchKnown as never })
    },
  }
}
