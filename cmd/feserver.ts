#!/usr/bin/env node
// The front end's server: encrypts records and pseudonymises ids, and stores nothing.
import '../src/core/process-guard.js'
import { backendClient } from '../src/backend/client.js'
import { startLoggedService } from '../src/cli/program/logged-service.js'
import { announceKeyring, runServer } from '../src/cli/program/run-server.js'
import { loadConfig } from '../src/core/config/config.js'
import { type LogConfig, openLog, withLogFolder } from '../src/core/log/log.js'
import { backendChannel, type FrontendConfig, frontendData, frontendSchema } from '../src/frontend/config.js'
import { startFrontend } from '../src/frontend/start.js'

await runServer(
  {
    name: 'feserver',
    description: 'The front end of the vault: holds the keys, encrypts and decrypts, and stores nothing.',
    examples: [
      'feserver --config config/config.cmd.json',
      'feserver --set frontend.port=9777 --set frontend.backend.address=127.0.0.1:9999',
    ],
    async start(sources, signal) {
      const read = () => loadConfig<{ frontend: FrontendConfig; log: LogConfig }>(frontendSchema, sources)
      const { frontend: config, log: logging } = read()
      const log = openLog('feserver', withLogFolder(frontendData(config), logging))
      return startLoggedService({ log, readLevel: () => read().log.level }, async () => {
        const { methods: backend, renewCertificates, close } = backendClient(backendChannel(config))
        const keyringMade = () => announceKeyring('feserver', config.keyringFile)
        const frontend = await startFrontend(config, { backend, log, keyringMade }, signal)
        return {
          listen: { ...config, port: frontend.port },
          keeps: { keyring: config.keyringFile },
          renewCertificates() {
            frontend.renewCertificates()
            renewCertificates()
          },
          async stop() {
            await frontend.stop()
            close()
          },
        }
      })
    },
  },
  process,
)
