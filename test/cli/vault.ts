// A vault in this process: the real services on free ports, everything on disk in one folder.
import { join } from 'node:path'
import { backendClient } from '../../src/backend/client.js'
import { type BackendConfig, backendSchema } from '../../src/backend/config.js'
import { startBackend } from '../../src/backend/start.js'
import { loadConfig } from '../../src/core/config/config.js'
import { openLog } from '../../src/core/log/log.js'
import { type FrontendConfig, frontendSchema } from '../../src/frontend/config.js'
import { startFrontend } from '../../src/frontend/start.js'

export interface Vault {
  /** What points the clients at it. */
  env: NodeJS.ProcessEnv
  backendDir: string
  stopFrontend(): Promise<void>
  stopBackend(): Promise<void>
}

const log = openLog('test', { level: 'error', dir: '', stdout: false } as never)

function configOf<T>(schema: object, overrides: string[]): T {
  const sources = { file: { path: 'absent.json', required: false }, env: {}, overrides }
  return loadConfig<T>(schema as never, sources)
}

/** A stop that may be called twice. */
function once(stop: () => Promise<void>): () => Promise<void> {
  let stopped: Promise<void> | undefined
  return () => {
    stopped ??= stop()
    return stopped
  }
}

/** With `frontend.…=…` settings of a test's own. */
export async function startVault(folder: string, settings: string[] = []): Promise<Vault> {
  const backendDir = join(folder, 'backend')
  const { backend: backendConfig } = configOf<{ backend: BackendConfig }>(backendSchema, [
    'backend.port=0',
    'backend.drainMs=0',
    `backend.dataDir=${backendDir}`,
  ])
  const backend = await startBackend(backendConfig, log)
  const target = `127.0.0.1:${backend.port}`
  const { frontend: frontendConfig } = configOf<{ frontend: FrontendConfig }>(frontendSchema, [
    'frontend.port=0',
    'frontend.drainMs=0',
    `frontend.backend.address=${target}`,
    `frontend.keyringFile=${join(folder, 'frontend', 'keyring.json')}`,
    ...settings,
  ])
  const { methods, close } = backendClient(frontendConfig.backend)
  const parts = { backend: methods, log, keyringMade: () => undefined }
  const frontend = await startFrontend(frontendConfig, parts, new AbortController().signal)
  const stopFrontend = once(async () => {
    await frontend.stop()
    close()
  })
  const env = { ENC_SERVER_FRONTEND_TARGET: `127.0.0.1:${frontend.port}`, ENC_SERVER_BACKEND_TARGET: target }
  return { env, backendDir, stopFrontend, stopBackend: once(() => backend.stop()) }
}
