// `enc-server up`: the whole vault in one process. The front end calls the methods of the back end directly, without a network.
import { type BackendConfig, backendSchema } from '../src/backend/config.js'
import { openBackend } from '../src/backend/open-backend.js'
import { storePlace } from '../src/backend/open-stores.js'
import type { StartVault } from '../src/cli/enc-server/up.js'
import { type StartedService, startLoggedService } from '../src/cli/program/logged-service.js'
import { announceKeyring } from '../src/cli/program/run-server.js'
import { loadConfig } from '../src/core/config/config.js'
import { type LogConfig, type Logger, openLog, withLogFolder } from '../src/core/log/log.js'
import { type FrontendConfig, frontendData, frontendSchema } from '../src/frontend/config.js'
import { checkStart, startFrontend } from '../src/frontend/start.js'

interface Config {
  frontend: FrontendConfig
  backend: BackendConfig
  log: LogConfig
}

/** Starts both services; the back end closes again if the front end cannot start. */
export const startVault: StartVault = async (sources, signal) => {
  const read = () => loadConfig<Config>({ ...frontendSchema, ...backendSchema }, sources)
  const config = read()
  const log = openLog('enc-server', withLogFolder(frontendData(config.frontend), config.log))
  return startLoggedService({ log, readLevel: () => read().log.level }, () => startBoth(config, log, signal))
}

async function startBoth(config: Config, log: Logger, signal: AbortSignal): Promise<StartedService> {
  const { keyringFile } = config.frontend
  await checkStart(config.frontend)
  const backend = await openBackend(config.backend, log)
  const parts = { backend: backend.methods, log, keyringMade: () => announceKeyring('enc-server', keyringFile) }
  const frontend = await startFrontend(config.frontend, parts, signal).catch(async (error: unknown) => {
    await backend.close()
    throw error
  })
  return {
    listen: { ...config.frontend, port: frontend.port },
    keeps: { store: storePlace(config.backend), keyring: keyringFile },
    renewCertificates: frontend.renewCertificates,
    async stop() {
      await frontend.stop()
      await backend.close()
    },
  }
}
