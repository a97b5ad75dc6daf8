// The `backend` section of the configuration.
import type { ListenConfig } from '../core/listen.js'
import type { ServerLimits } from '../core/server.js'
import { limitSettings, listenSettings, logSettings, oneOf, type Settings, text, whole } from '../core/settings.js'

export interface BackendConfig extends ListenConfig, Omit<ServerLimits, 'maxReceiveBytes'> {
  /** Where records are kept. */
  store: 'level' | 'mongodb'
  /** Folder of the embedded store. */
  dataDir: string
  /** How often what has expired is removed. */
  sweepIntervalMs: number
  mongodb: {
    /** Holds the URI, and so a password. */
    uriFile: string
    database: string
    maxPoolSize: number
  }
}

const mongodbSettings: Settings = {
  uriFile: {
    ...text('', 'file that holds the URI of the MongoDB store, for nobody but its owner to read'),
    env: 'ENC_SERVER_MONGODB_URI_FILE',
  },
  database: text('enc-server', 'database of the MongoDB store'),
  maxPoolSize: whole(100, [1, 10_000], 'connections to MongoDB at most; further commands wait for one'),
}

export const backendSchema: Record<'backend' | 'log', Settings> = {
  backend: {
    ...listenSettings(8888),
    ...limitSettings,
    store: oneOf(['level', 'mongodb'], 'where records are kept: LevelDB, embedded, in dataDir; or MongoDB'),
    dataDir: text('data/backend', 'folder of the store; made when it is not there'),
    sweepIntervalMs: whole(60_000, [100, 86_400_000], 'how often what has expired is removed, in milliseconds'),
    mongodb: mongodbSettings,
  },
  log: logSettings,
}

// An envelope of the largest record, its entry and the user document cross in one message.
const maxReceiveBytes = 4 * 1024 * 1024

export function backendLimits(config: BackendConfig): ServerLimits {
  return { ...config, maxReceiveBytes }
}
