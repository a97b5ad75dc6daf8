// Starts a back end from its configuration: the store, then the server over it.
import type { Logger } from '../core/log.js'
import { type RunningServer, startServer } from '../core/server.js'
import { BackendServiceService } from '../gen/encserver/v1/backend.js'
import { type BackendConfig, backendLimits } from './config.js'
import { openLevelStore } from './level-store.js'
import { backendService } from './service.js'

export interface RunningBackend {
  port: number
  /** Calls in flight finish, then the store closes. */
  stop(): Promise<void>
}

export async function startBackend(config: BackendConfig, log: Logger): Promise<RunningBackend> {
  const store = await openLevelStore({ folder: config.dataDir })
  const server = await listen(config, backendService({ store }), log).catch(async (error: unknown) => {
    await store.close()
    throw error
  })
  server.setReady(store.health() === 'ready')
  const forget = store.onHealth((health) => {
    server.setReady(health === 'ready')
    log.log(health === 'ready' ? 'info' : 'warn', 'store', { health })
  })
  return {
    port: server.port,
    async stop() {
      forget()
      await server.stop()
      await store.close()
    },
  }
}

function listen(config: BackendConfig, methods: object, log: Logger): Promise<RunningServer> {
  const service = { name: 'encserver.v1.BackendService', definition: BackendServiceService, methods }
  return startServer({ section: 'backend', listen: config, limits: backendLimits(config), service, log })
}
