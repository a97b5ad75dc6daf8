// The `backend` section of the configuration.
import type { ListenConfig } from '../core/listen.js'
import type { ServerLimits } from '../core/server.js'
import { limitSettings, listenSettings, logSettings, type Settings, text } from '../core/settings.js'

export interface BackendConfig extends ListenConfig, Omit<ServerLimits, 'maxReceiveBytes'> {
  /** Folder of the store. */
  dataDir: string
}

export const backendSchema: Record<'backend' | 'log', Settings> = {
  backend: {
    ...listenSettings(8888),
    ...limitSettings,
    dataDir: text('data/backend', 'folder of the store; made when it is not there'),
  },
  log: logSettings,
}

// An envelope of the largest record, its entry and the user document cross in one message.
const maxReceiveBytes = 4 * 1024 * 1024

export function backendLimits(config: BackendConfig): ServerLimits {
  return { ...config, maxReceiveBytes }
}
