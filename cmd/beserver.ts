#!/usr/bin/env node
// The back end's server: stores envelopes under pseudonyms.
import '../src/core/process-guard.js'
import { type BackendConfig, backendSchema } from '../src/backend/config.js'
import { startBackend } from '../src/backend/start.js'
import { startLoggedService } from '../src/cli/program/logged-service.js'
import { runServer } from '../src/cli/program/run-server.js'
import { loadConfig } from '../src/core/config/config.js'
import { type LogConfig, openLog, withLogFolder } from '../src/core/log/log.js'

await runServer(
  {
    name: 'beserver',
    description: 'The back end of the vault: keeps ciphertext under pseudonyms, and cannot decrypt.',
    examples: [
      'beserver --config config/config.cmd.json',
      'beserver --set backend.port=9999 --set backend.dataDir=/var/lib/enc-server/backend',
    ],
    async start(sources) {
      const read = () => loadConfig<{ backend: BackendConfig; log: LogConfig }>(backendSchema, sources)
      const config = read()
      const data = { folder: config.backend.dataDir, setting: 'backend.dataDir' }
      const log = openLog('beserver', withLogFolder(data, config.log))
      return startLoggedService({ log, readLevel: () => read().log.level }, async () => {
        const { port, storePlace: store, ...running } = await startBackend(config.backend, log)
        return { listen: { ...config.backend, port }, keeps: { store }, ...running }
      })
    },
  },
  process,
)
