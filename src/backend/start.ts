// Starts a back end from its configuration: the store, then the server over it.
import { newClock } from '../core/clock.js'
import type { Logger } from '../core/log.js'
import { type RunningServer, startServer } from '../core/server.js'
import { partNote } from '../core/serving.js'
import { BackendServiceService } from '../gen/encserver/v1/backend.js'
import { type BackendConfig, backendLimits } from './config.js'
import { openStore, storePlace } from './open-store.js'
import { backendService } from './service.js'
import type { StoreHealth } from './store.js'
import { startSweep } from './sweep-expired.js'

export interface RunningBackend {
  port: number
  /** Where it keeps its records, for people. */
  storePlace: string
  /** Calls in flight finish, then the store closes. */
  stop(): Promise<void>
}

export async function startBackend(config: BackendConfig, log: Logger): Promise<RunningBackend> {
  const store = await openStore(config, log)
  const clock = newClock()
  const leftOver = (cause: unknown) => log.warn('sweep', { problem: 'something is left for the next pass', cause })
  const methods = backendService({ store, clock, failed: partNote(log, 'batched call'), leftOver })
  const server = await listen(config, methods, log).catch(async (error: unknown) => {
    await store.close()
    throw error
  })
  const sweep = startSweep({ store, clock, intervalMs: config.sweepIntervalMs, failed: leftOver })
  const tell = (health: StoreHealth) => {
    server.setReady(health === 'ready')
    log.log(health === 'ready' ? 'info' : 'warn', 'store', { health })
  }
  if (store.health() === 'ready') server.setReady(true)
  else tell(store.health())
  const forget = store.onHealth(tell)
  return {
    port: server.port,
    storePlace: storePlace(config),
    async stop() {
      forget()
      await server.stop()
      await sweep.stop()
      await store.close()
    },
  }
}

function listen(config: BackendConfig, methods: object, log: Logger): Promise<RunningServer> {
  const service = { name: 'encserver.v1.BackendService', definition: BackendServiceService, methods }
  return startServer({ section: 'backend', listen: config, limits: backendLimits(config), service, log })
}
