// One JSON line per event, to a file, to standard output or both. What may not be read is decided by type: bytes print
// their length, a Secret prints "[secret]", so that no caller has to remember.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import winston from 'winston'

export type Logger = winston.Logger

export interface LogConfig {
  level: string
  /** Folder of the log file; empty for none. */
  dir: string
  stdout: boolean
}

/** The log's folder unless configured: in the data folder, not under a predictable temporary name. */
export function logIn(dataDir: string, config: LogConfig): LogConfig {
  return { ...config, dir: config.dir === '' ? join(dataDir, 'log') : config.dir }
}

const maxFileBytes = 16 * 1024 * 1024
const maxFiles = 5

// JSON.stringify has called toJSON before it asks the replacer, and a Buffer's gives its bytes away: ask the holder.
function printable(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const original = this[key]
  if (original instanceof Uint8Array) return `[${original.length} bytes]`
  if (original instanceof Error) return printableError(original)
  return typeof value === 'bigint' ? value.toString() : value
}

function printableError(error: Error): object {
  const { name, message, stack, cause } = error
  return { name, message, stack, ...(cause !== undefined && { cause }) }
}

const line = winston.format.printf(({ level, message, ...fields }) => {
  return JSON.stringify({ time: new Date().toISOString(), level, event: message, ...fields }, printable)
})

/** The logger of the process `name`; its file is `<dir>/<name>.log`, bounded by rotation. */
export function openLog(name: string, config: LogConfig): Logger {
  const transports: winston.transport[] = []
  if (config.stdout) transports.push(new winston.transports.Console({ stderrLevels: [] }))
  if (config.dir !== '') {
    mkdirSync(config.dir, { recursive: true, mode: 0o700 })
    const filename = join(config.dir, `${name}.log`)
    transports.push(new winston.transports.File({ filename, maxsize: maxFileBytes, maxFiles, tailable: true }))
  }
  const silent = transports.length === 0
  return winston.createLogger({ level: config.level, format: line, defaultMeta: { service: name }, transports, silent })
}

/** Resolves when everything logged is written. */
export async function closeLog(log: Logger): Promise<void> {
  const flushed = new Promise((resolve) => log.once('finish', resolve))
  log.end()
  await flushed
}
