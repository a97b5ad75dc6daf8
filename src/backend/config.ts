// The `backend` section of the configuration.

import {
  flag,
  limitSettings,
  listenSettings,
  logSettings,
  oneOf,
  place,
  type Settings,
  text,
  whole,
} from '../core/config/settings.js'
import type { ServerLimits } from '../core/server/server.js'
import type { ListenConfig } from '../core/tls/listen.js'
import type { BucketSettings } from './engines/s3/bucket-settings.js'
import { defaultPartLimits, type PartLimits } from './store/part-limits.js'

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
  parts: PartLimits & {
    /** Where parts of large records are kept. */
    store: 'engine' | 's3'
    s3: BucketSettings & {
      /** JSON with the access key. */
      credentialsFile: string
    }
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

const hourMs = 3_600_000

const s3Settings: Settings = {
  endpoint: text('', 'URL of the S3 server; empty for that of AWS in the region'),
  region: text('us-east-1', 'region of the bucket'),
  bucket: text('', 'bucket for the parts'),
  prefix: text('parts/', 'begins the key of every part'),
  credentialsFile: text('', 'file that holds the access key in JSON, for nobody but its owner to read'),
  forcePathStyle: flag(false, 'whether the bucket is in the path of a URL and not in its host name'),
  insecure: flag(false, 'allow plain HTTP to another machine'),
}

const partSettings: Settings = {
  store: oneOf(['engine', 's3'], 'where parts of large records are kept: where the records are; or an S3 bucket'),
  s3: s3Settings,
  maxInFlight: whole(
    defaultPartLimits.maxInFlight,
    [1, 4096],
    'calls that carry a part of a large record, answered at once; one more gets RESOURCE_EXHAUSTED',
  ),
  releasedHoldMs: whole(
    defaultPartLimits.releasedHoldMs,
    [60_000, 168 * hourMs],
    'how long parts stay after their record was replaced or deleted, for downloads under way, in milliseconds',
  ),
  orphanHoldMs: whole(
    defaultPartLimits.orphanHoldMs,
    [hourMs, 720 * hourMs],
    'how long parts stay that no record takes up, in milliseconds; an upload may take 23/24 of it',
  ),
  sweepIntervalMs: whole(
    defaultPartLimits.sweepIntervalMs,
    [1_000, 24 * hourMs],
    'pause between two sweeps of parts, in milliseconds',
  ),
}

export const backendSchema: Record<'backend' | 'log', Settings> = {
  backend: {
    ...listenSettings(8888),
    ...limitSettings,
    store: oneOf(['level', 'mongodb'], 'where records are kept: LevelDB, embedded, in dataDir; or MongoDB'),
    dataDir: place('data/backend', 'folder of the store; made when it is not there'),
    sweepIntervalMs: whole(60_000, [100, 86_400_000], 'how often what has expired is removed, in milliseconds'),
    mongodb: mongodbSettings,
    parts: partSettings,
  },
  log: logSettings,
}

// An envelope of the largest record, its entry and the user document cross in one message.
const maxReceiveBytes = 4 * 1024 * 1024

export function backendLimits(config: BackendConfig): ServerLimits {
  return { ...config, maxReceiveBytes }
}
