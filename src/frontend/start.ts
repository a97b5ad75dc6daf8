// Starts a front end from its configuration: ask the store what it is, find or make the keyring, then serve.
import type { Logger } from '../core/log/log.js'
import type { Methods } from '../core/methods.js'
import { logItemFailure } from '../core/server/call-log.js'
import { type RunningServer, startServer } from '../core/server/server.js'
import { checkListen } from '../core/tls/listen-check.js'
import { type FrontendServiceServer, FrontendServiceService } from '../gen/encserver/v1/frontend.js'
import { type FrontendConfig, frontendLimits } from './config.js'
import { randomSource } from './crypto/random.js'
import { loadKeyring } from './keys/load-keyring.js'
import { legacyCalls } from './legacy/calls.js'
import { legacyImport } from './legacy/import.js'
import { recordStreamMethods } from './service/record-streams.js'
import { frontendService } from './service/service.js'
import { type Backend, translatedBackend } from './upstream/backend.js'
import { waitForStore, watchStore } from './upstream/readiness.js'
import { closeVault, openVault } from './vault/vault.js'

export interface RunningFrontend {
  port: number
  /** Calls in flight finish, then the keys are wiped. */
  stop(): Promise<void>
}

export interface FrontendParts {
  backend: Backend
  log: Logger
  /** Told at once when the keyring is made, which wants a backup, whatever becomes of the start. */
  keyringMade(): void
}

/** Throws what hinders a start, when the back end is not there yet and no keyring or store was made. */
export async function checkStart(config: FrontendConfig): Promise<void> {
  legacyImport(config.legacyImport)
  await checkListen('frontend', config)
}

/** Waits for the back end as long as `signal` allows; rejects when this front end must not serve its store. */
export async function startFrontend(
  config: FrontendConfig,
  { backend, log, keyringMade }: FrontendParts,
  signal: AbortSignal,
): Promise<RunningFrontend> {
  await checkStart(config)
  const random = randomSource()
  const store = await waitForStore(translatedBackend(backend), log, signal)
  const { keyring, created } = await loadKeyring(config, store, random)
  if (created) {
    keyringMade()
    log.warn('keyring made', { keyring: config.keyringFile })
  }
  const vault = openVault({ config, keyring, backend, random })
  const records = frontendService(vault, logItemFailure(log, 'item'))
  const methods: Methods<FrontendServiceServer> = { ...records, ...legacyCalls(config, records) }
  const server = await listen(config, methods, log).catch((error: unknown) => {
    closeVault(vault)
    throw error
  })
  const watching = new AbortController()
  const { keyringId } = keyring
  const watch = watchStore({ backend: vault.backend, keyringId, log, setReady: server.setReady }, watching.signal)
  return {
    port: server.port,
    async stop() {
      watching.abort()
      await watch
      await server.stop()
      closeVault(vault)
    },
  }
}

function listen(config: FrontendConfig, methods: Methods<FrontendServiceServer>, log: Logger): Promise<RunningServer> {
  const definition = { ...FrontendServiceService, ...recordStreamMethods }
  const service = { name: 'encserver.v1.FrontendService', definition, methods }
  return startServer({
    section: 'frontend',
    listen: config,
    limits: frontendLimits(config),
    callers: 'public',
    service,
    log,
  })
}
