// Starts a back end from its configuration: the stores, then the server over them.
import type { Logger } from '../core/log/log.js'
import { type RunningServer, startServer } from '../core/server/server.js'
import { checkListen } from '../core/tls/listen-check.js'
import { BackendServiceService, type ExecuteBatchResponse } from '../gen/encserver/v1/backend.js'
import { type BackendConfig, backendLimits } from './config.js'
import { openBackend } from './open-backend.js'
import { storePlace } from './open-stores.js'
import type { StoreHealth } from './store/store.js'

export interface RunningBackend {
  port: number
  /** Where it keeps its records, for people. */
  storePlace: string
  /** Calls in flight finish, then the stores close. */
  stop(): Promise<void>
}

export async function startBackend(config: BackendConfig, log: Logger): Promise<RunningBackend> {
  await checkListen('backend', config) // what hinders it is said before a store is made
  const { store, methods, close } = await openBackend(config, log)
  const server = await listen(config, methods, log).catch(async (error: unknown) => {
    await close()
    throw error
  })
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
      await close()
    },
  }
}

// What their lines in the log say: every front end asks the one all the time, and the other is many calls.
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
