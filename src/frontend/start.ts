// Starts a front end from its configuration: asks for the store's description, loads or makes the keyring, then serves.
import type { Logger } from '../core/log/log.js'
import type { Methods } from '../core/methods.js'
import { logItemFailure } from '../core/server/call-log.js'
import { type RunningServer, startServer } from '../core/server/server.js'
import { checkListen } from '../core/tls/listen-check.js'
import { type FrontendServiceServer, FrontendServiceService } from '../gen/encserver/v1/frontend.js'
import { type FrontendConfig, frontendLimits } from './config.js'
import { randomSource } from './crypto/random.js'
import { identityOf } from './keys/keyring.js'
import { loadKeyring } from './keys/load-keyring.js'
import { legacyCalls } from './legacy/calls.js'
import { legacyImport } from './legacy/import.js'
import { recordStreamMethods } from './service/record-streams.js'
import { frontendService } from './service/service.js'
import { type Backend, translatedBackend } from './upstream/backend.js'
import { bindOlderStore, waitForStore, watchStore } from './upstream/readiness.js'
import { closeVault, openVault } from './vault/vault.js'

const missingChecksum =
  'a changed character in this keyring would go unnoticed: run `enc-server keyring verify --write-checksum`'

/** A front end that serves. */
export interface RunningFrontend {
  port: number
  /** Reads the certificate files again; see RunningServer. */
  renewCertificates(): void
  /** Lets calls in flight finish, then wipes the keys. */
  stop(): Promise<void>
}

/** What a front end needs beside its configuration. */
export interface FrontendParts {
  backend: Backend
  log: Logger
  /** Called as soon as a keyring was made, since it needs a backup even if the start fails afterwards. */
  keyringMade(): void
}

/** Checks the configuration before anything is made; throws INVALID_REQUEST if a start with it must fail. */
export async function checkStart(config: FrontendConfig): Promise<void> {
  legacyImport(config.legacyImport)
  await checkListen('frontend', config)
}

/** Waits for the back end until `signal` aborts; rejects if this front end must not serve its store. */
export async function startFrontend(
  config: FrontendConfig,
  { backend, log, keyringMade }: FrontendParts,
  signal: AbortSignal,
): Promise<RunningFrontend> {
  await checkStart(config)
  const random = randomSource()
  const upstream = translatedBackend(backend)
  const store = await waitForStore(upstream, log, signal)
  const { keyring, created } = await loadKeyring(config, store, random)
  if (created) {
    keyringMade()
    log.warn('keyring made', { keyring: config.keyringFile })
  }
  if (!keyring.hasChecksum) log.warn('keyring without checksum', { keyring: config.keyringFile, why: missingChecksum })
  const own = identityOf(keyring)
  await bindOlderStore({ backend: upstream, log, own }, store, signal)
  const vault = openVault({ config, keyring, backend, random })
  const records = frontendService(vault, logItemFailure(log, 'item'))
  const methods: Methods<FrontendServiceServer> = { ...records, ...legacyCalls(config, records) }
  const server = await listen(config, methods, log).catch((error: unknown) => {
    closeVault(vault)
    throw error
  })
  const watching = new AbortController()
  const watch = watchStore({ backend: vault.backend, own, log, setReady: server.setReady }, watching.signal)
  return {
    port: server.port,
    renewCertificates: server.renewCertificates,
    async stop() {
      watching.abort()
      await watch
      await server.stop()
      closeVault(vault)
    },
  }
}

/** The definitions of the transfers, whose callers must keep the least rate. */
const transferMethods = {
  uploadRecord: { ...FrontendServiceService.uploadRecord, isTransfer: true },
  downloadRecord: { ...FrontendServiceService.downloadRecord, isTransfer: true },
}

function listen(config: FrontendConfig, methods: Methods<FrontendServiceServer>, log: Logger): Promise<RunningServer> {
  const definition = { ...FrontendServiceService, ...recordStreamMethods, ...transferMethods }
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
