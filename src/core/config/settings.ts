// The types of settings, and the settings that services share. Text from the environment or a flag is converted strictly:
// `ture` is a mistake, not true.
import convict from 'convict'

/** A setting: a leaf of the configuration. */
export interface Setting {
  doc: string
  format: 'text' | 'place' | 'flag' | 'day' | 'choice' | 'whole-number'
  default: unknown
  min?: number
  max?: number
  choices?: readonly string[]
  /** The environment variable, if its name is not derived from the setting's path. */
  env?: string
}

/** A tree of settings. */
export interface Settings {
  [name: string]: Setting | Settings
}

convict.addFormats({
  text: {
    coerce: (text: string) => text,
    validate(value: unknown) {
      if (typeof value !== 'string') throw new Error('must be text')
    },
  },
  place: {
    coerce: (text: string) => text,
    validate(value: unknown) {
      if (typeof value !== 'string' || value === '') throw new Error('must name a file or folder')
    },
  },
  choice: {
    coerce: (text: string) => text,
    validate(value: unknown, schema: object) {
      const { choices } = schema as { choices: unknown[] }
      if (!choices.includes(value)) throw new Error(`must be one of ${choices.join(', ')}`)
    },
  },
  'whole-number': {
    coerce: (text: string) => (/^\d{1,15}$/.test(text) ? Number(text) : text),
    validate(value: unknown, schema: object) {
      const { min, max } = schema as { min: number; max: number }
      const ok = Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      if (!ok) throw new Error(`must be a whole number from ${min} to ${max}`)
    },
  },
  flag: {
    coerce: (text: string) => (text === 'true' || text === 'false' ? text === 'true' : text),
    validate(value: unknown) {
      if (typeof value !== 'boolean') throw new Error('must be true or false')
    },
  },
  day: {
    coerce: (text: string) => text,
    validate(value: unknown) {
      if (value !== '' && !isDay(value)) throw new Error('must be a date, as in 2026-12-31')
    },
  },
})

// Date reads February 30 as March 2.
function isDay(value: unknown): boolean {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(value)) return false
  const time = new Date(`${value}T00:00:00Z`)
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(value)
}

/** Any text. */
export function text(initial: string, doc: string): Setting {
  return { default: initial, format: 'text', doc }
}

/** The path of a file or folder; not empty. */
export function place(initial: string, doc: string): Setting {
  return { default: initial, format: 'place', doc }
}

/** True or false. */
export function flag(initial: boolean, doc: string): Setting {
  return { default: initial, format: 'flag', doc }
}

/** A date, as in 2026-12-31; empty by default. */
export function day(doc: string): Setting {
  return { default: '', format: 'day', doc }
}

/** One of these words; the first is the default. */
export function oneOf(choices: readonly string[], doc: string): Setting {
  return { default: choices[0], format: 'choice', choices, doc }
}

/** A whole number from `min` to `max`, both included. */
export function whole(initial: number, [min, max]: [number, number], doc: string): Setting {
  return { default: initial, format: 'whole-number', min, max, doc }
}

const file = (doc: string) => text('', `${doc}; a file in PEM, empty for none`)

/** The address and TLS files of a server (tls/listen.ts). */
export function listenSettings(port: number): Settings {
  return {
    host: text('127.0.0.1', 'address to listen on; beyond loopback it needs mutual TLS or insecure: true'),
    port: whole(port, [0, 65535], 'port to listen on; 0 picks a free one'),
    insecure: flag(false, 'allow callers beyond loopback without mutual TLS'),
    tls: {
      certFile: file('certificate of this server'),
      keyFile: file('private key of that certificate'),
      clientCaFile: file('certificate authority of the clients that may call'),
      minVersion: oneOf(
        ['TLSv1.3', 'TLSv1.2'],
        'oldest version of TLS that is accepted; 1.2 only with ephemeral keys and authenticated encryption',
      ),
    },
  }
}

/** The limits of a server (server/server.ts). */
export const limitSettings: Settings = {
  maxCallsInFlight: whole(1024, [1, 65536], 'calls in flight; more get RESOURCE_EXHAUSTED'),
  defaultDeadlineMs: whole(30_000, [100, 3_600_000], 'deadline of a call without one, in milliseconds'),
  maxConnectionAgeMs: whole(
    600_000,
    [1_000, 86_400_000],
    'age at which a connection is closed gracefully, in milliseconds',
  ),
  drainMs: whole(20_000, [0, 600_000], 'how long a stop waits for calls in flight, in milliseconds'),
}

/** The address and TLS files of a client (client/channel.ts). */
export function channelSettings(address: string): Settings {
  return {
    address: text(address, 'host:port, or dns:///host:port; calls go round robin over all addresses of a name'),
    insecure: flag(false, 'allow plain text to another machine'),
    tls: {
      caFile: file('certificate authority of the server'),
      certFile: file('certificate of this client'),
      keyFile: file('private key of that certificate'),
    },
  }
}

/** The `log` section (log/log.ts). */
export const logSettings: Settings = {
  level: oneOf(['info', 'debug', 'warn', 'error'], 'least severe level that is logged'),
  dir: text('', 'folder of the log file; empty for `log` in the data folder'),
  stdout: flag(true, 'whether events go to standard output'),
}
