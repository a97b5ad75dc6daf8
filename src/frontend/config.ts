// The `frontend` section of the configuration: its type, defaults and limits.
import { dirname } from 'node:path'
import type { ChannelConfig } from '../core/client/channel.js'
import {
  channelSettings,
  day,
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
import type { LegacyImportConfig } from './legacy/import.js'

/** The values of `frontend.keyMode`. */
export const keyModes = ['split', 'server', 'client'] as const
/** The values of `frontend.writeSuite`, in the order of their suite bytes. */
export const suites = ['aes-256-gcm', 'chacha20-poly1305'] as const

/** The settings of a front end. */
export interface FrontendConfig extends ListenConfig, Omit<ServerLimits, 'maxReceiveBytes'> {
  backend: Required<Omit<ChannelConfig, 'section'>>
  keyringFile: string
  realm: string
  keyMode: (typeof keyModes)[number]
  writeSuite: (typeof suites)[number]
  chunkLog2: number
  maxRecordBytes: number
  maxUploadBytes: number
  maxTransfers: number
  minTransferRate: number
  keepVersions: number
  userKeyCache: { maxUsers: number; maxAgeMs: number }
  legacyImport: LegacyImportConfig
}

const MiB = 1024 * 1024
const GiB = 1024 * MiB

/** The schema of the sections that a front end reads. */
export const frontendSchema: Record<'frontend' | 'log', Settings> = {
  frontend: {
    ...listenSettings(7777),
    ...limitSettings,
    backend: channelSettings('dns:///127.0.0.1:8888'),
    keyringFile: place('data/frontend/keyring.json', 'the keyring file; made if it is missing and the store is empty'),
    realm: text('default', 'name of this vault, 1 to 128 bytes; part of every key, so it cannot be changed later'),
    keyMode: oneOf(
      keyModes,
      'key mode of a record whose request names neither mode nor token; the typed client and feclient name split',
    ),
    writeSuite: oneOf(suites, 'cipher of new records; stored records may have either'),
    chunkLog2: whole(16, [12, 20], 'size of a chunk of an envelope, as a power of two'),
    maxRecordBytes: whole(3_145_728, [1, 3_145_728], 'largest record of a unary call, in bytes'),
    maxUploadBytes: whole(64 * GiB, [1, 1024 * GiB - 1], 'largest record of an upload, in bytes'),
    maxTransfers: whole(
      32,
      [1, 4096],
      'maximum number of concurrent uploads and downloads, half of them of one connection; further calls get RESOURCE_EXHAUSTED',
    ),
    minTransferRate: whole(
      16_384,
      [0, 1024 * MiB],
      'least rate of an upload or download, in bytes per second over 60 s in which the front end waits for the caller; 0 for none',
    ),
    keepVersions: whole(
      1,
      [1, 100],
      'versions kept of a record whose writers never set keep_versions, the current one included',
    ),
    userKeyCache: {
      maxUsers: whole(10_000, [1, 10_000], 'users whose unwrapped key is kept'),
      maxAgeMs: whole(300_000, [1_000, 300_000], 'how long an unwrapped key is kept, in milliseconds'),
    },
    legacyImport: {
      enabled: flag(false, "whether records of the earlier services' format can be imported; needs until"),
      until: day('last day (UTC) of that import, as in 2026-12-31; empty for none'),
    },
  },
  log: logSettings,
}

// A message may be this much larger than a record or a chunk, so that "too large" is our error and not gRPC's.
const headroomBytes = MiB

/** The server limits; a message may hold the largest record. */
export function frontendLimits(config: FrontendConfig): ServerLimits {
  return { ...config, maxReceiveBytes: Math.max(config.maxRecordBytes, MiB) + headroomBytes }
}

/** The channel to the back end, and the name of its section. */
export function backendChannel({ backend }: FrontendConfig): ChannelConfig {
  return { ...backend, section: 'frontend.backend' }
}

/** The front end's data folder, with the keyring and by default the log, and the setting that names it. */
export function frontendData({ keyringFile }: FrontendConfig): { folder: string; setting: string } {
  return { folder: dirname(keyringFile), setting: 'frontend.keyringFile' }
}
