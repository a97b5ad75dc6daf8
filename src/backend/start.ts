// Starts a back end: the stores of its configuration, then the server over them.
import type { Logger } from '../core/log/log.js'
import { type RunningServer, startServer } from '../core/server/server.js'
import { checkListen } from '../core/tls/listen-check.js'
import { BackendServiceService, type ExecuteBatchResponse } from '../gen/encserver/v1/backend.js'
import { type BackendConfig, backendLimits } from './config.js'
import { openBackend } from './open-backend.js'
import { storePlace } from './open-stores.js'
import type { StoreHealth } from './store/store.js'

/** A back end that serves calls. */
export interface RunningBackend {
  port: number
  /** Where records are kept, in words for people. */
  storePlace: string
  /** Reads the certificate files again; see RunningServer. */
  renewCertificates(): void
  /** Waits for calls in flight, then closes the stores. */
  stop(): Promise<void>
}

/** Starts a back end. Throws INVALID_REQUEST for a configuration that cannot be served. */
export async function startBackend(config: BackendConfig, log: Logger): Promise<RunningBackend> {
  await checkListen('backend', config) // before a store is made
  const { store, methods, close } = await openBackend(config, log)
  const server = await listen(config, methods, log).catch(async (error: unknown) => {
    await close()
    throw error
  })
  const report = (health: StoreHealth) => {
    server.setReady(health === 'ready')
    log.log(health === 'ready' ? 'info' : 'warn', 'store', { health })
  }
  if (store.health() === 'ready') server.setReady(true)
  else report(store.health())
  const unsubscribe = store.onHealth(report)
  return {
    port: server.port,
    storePlace: storePlace(config),
    renewCertificates: server.renewCertificates,
    async stop() {
      unsubscribe()
      await server.stop()
      await close()
    },
  }
}

// Options of the call log: front ends poll getStoreInfo, and one executeBatch is many calls.
const { getStoreInfo, executeBatch } = BackendServiceService
const outcomesOf = ({ results }: ExecuteBatchResponse) => results.map(({ outcome }) => outcome)
const definition = {
  ...BackendServiceService,
  getStoreInfo: { ...getStoreInfo, isQuiet: true },
  executeBatch: { ...executeBatch, outcomesOf },
}

function listen(config: BackendConfig, methods: object, log: Logger): Promise<RunningServer> {
  const service = { name: 'encserver.v1.BackendService', definition, methods }
  return startServer({
    section: 'backend',
    listen: config,
    limits: backendLimits(config),
    callers: 'services',
    service,
    log,
  })
}
