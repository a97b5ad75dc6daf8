// The gRPC health service. Clients watch it on streams without an end, so the server ends them when it stops.
import type { Server } from '@grpc/grpc-js'
import { HealthImplementation } from 'grpc-health-check'
import { type PackageService, packageService } from './package-service.js'

/** The health service of a server. */
export interface Health {
  readonly handlers: PackageService['handlers']
  /** Answers NOT_SERVING until the first `true`. */
  setReady(ready: boolean): void
  /** Reports NOT_SERVING for good, and ends the streams of watchers. */
  close(): void
}

/** Makes the health of the service of that name and of the whole server. `failed` gets the errors of bugs. */
export function serveHealth(name: string, failed: (cause: unknown) => void): Health {
  const health = new HealthImplementation({ '': 'NOT_SERVING', [name]: 'NOT_SERVING' })
  const known = ['', name]
  const service = packageService((server) => health.addToServer(watchOnly(known, server) as never), failed)
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

/** Gives all unknown services one name: the package keeps every name that was ever watched in memory. */
function watchOnly(known: string[], server: Pick<Server, 'addService'>): Pick<Server, 'addService'> {
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
