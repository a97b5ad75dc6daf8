// The `backend` section of the configuration: its type, its settings and the limits of the server.

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

/** The settings of a back end. */
export interface BackendConfig extends ListenConfig, Omit<ServerLimits, 'maxReceiveBytes'> {
  /** The engine for records. */
  store: 'level' | 'mongodb'
  /** Folder of the embedded store. */
  dataDir: string
  /** The pause between two sweeps of expired records. */
  sweepIntervalMs: number
  mongodb: {
    /** The file with the URI, which contains a password. */
    uriFile: string
    database: string
    maxPoolSize: number
  }
  parts: PartLimits & {
    /** The engine for parts of large records: that of the records, or S3. */
    store: 'engine' | 's3'
    s3: BucketSettings & {
      /** The file with the access key, in JSON. */
      credentialsFile: string
    }
  }
}

const mongodbSettings: Settings = {
  uriFile: {
    ...text('', 'file with the URI of the MongoDB store; only its owner may read it'),
    env: 'ENC_SERVER_MONGODB_URI_FILE',
  },
  database: text('enc-server', 'database of the MongoDB store'),
  maxPoolSize: whole(100, [1, 10_000], 'maximum number of connections to MongoDB; further commands wait for one'),
}

const hourMs = 3_600_000

const s3Settings: Settings = {
  endpoint: text('', 'URL of the S3 server; empty for the AWS endpoint of the region'),
  region: text('us-east-1', 'region of the bucket'),
  bucket: text('', 'bucket for the parts'),
  prefix: text('parts/', 'prefix of the key of every part'),
  credentialsFile: text('', 'file with the access key in JSON; only its owner may read it'),
  forcePathStyle: flag(false, 'put the bucket name into the path of a URL, not into its host name'),
  insecure: flag(false, 'allow plain HTTP to another machine'),
}

const partSettings: Settings = {
  store: oneOf(
    ['engine', 's3'],
    'where parts of large records are kept: in the store of the records, or in an S3 bucket',
  ),
  s3: s3Settings,
  maxInFlight: whole(
    defaultPartLimits.maxInFlight,
    [1, 4096],
    'maximum number of concurrent calls that carry a part of a large record; further calls get RESOURCE_EXHAUSTED',
  ),
  releasedHoldMs: whole(
    defaultPartLimits.releasedHoldMs,
    [60_000, 168 * hourMs],
    'how long parts stay after their record was replaced or deleted, for downloads under way, in milliseconds',
  ),
  orphanHoldMs: whole(
    defaultPartLimits.orphanHoldMs,
    [hourMs, 720 * hourMs],
    'how long parts without a record are kept, in milliseconds; an upload may take up to 23/24 of this time',
  ),
  sweepIntervalMs: whole(
    defaultPartLimits.sweepIntervalMs,
    [1_000, 24 * hourMs],
    'pause between two sweeps of parts, in milliseconds',
  ),
}

/** The settings of the sections `backend` and `log`, with their defaults and help texts. */
export const backendSchema: Record<'backend' | 'log', Settings> = {
  backend: {
    ...listenSettings(8888),
    ...limitSettings,
    store: oneOf(['level', 'mongodb'], 'where records are kept: in LevelDB, embedded, in dataDir; or in MongoDB'),
    dataDir: place('data/backend', 'folder of the store; made if it is missing'),
    sweepIntervalMs: whole(60_000, [100, 86_400_000], 'pause between two sweeps of expired records, in milliseconds'),
    mongodb: mongodbSettings,
    parts: partSettings,
  },
  log: logSettings,
}

// One message carries an envelope of the largest record, its entry and the user document.
const maxReceiveBytes = 4 * 1024 * 1024

/** The limits of the server. */
export function backendLimits(config: BackendConfig): ServerLimits {
  return { ...config, maxReceiveBytes }
}
