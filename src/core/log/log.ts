// One JSON line per event, to a file, to standard output or both. What may not be read is decided by type: bytes print
// their length, a Secret prints "[secret]", so that no caller has to remember. Logging never throws.
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import winston from 'winston'
import { makeFolders } from '../durable-file.js'
import { VaultError } from '../errors.js'
import { LogFile } from './log-file.js'

export type Logger = winston.Logger

export interface LogConfig {
  level: string
  /** Folder of the log file; empty for none. */
  dir: string
  /** What is to blame for a folder that cannot be used; `log.dir` unless set. */
  setting?: string
  stdout: boolean
}

/** The log's folder unless configured: in the data folder, not under a predictable temporary name. */
export function logIn(data: { folder: string; setting: string }, config: LogConfig): LogConfig {
  return config.dir === '' ? { ...config, dir: join(data.folder, 'log'), setting: data.setting } : config
}

/** How much log is kept. */
export const logBounds = { maxFileBytes: 16 * 1024 * 1024, maxFiles: 5 }

const maxCauses = 4
const plainTypes = new Set(['string', 'number', 'boolean', 'undefined'])

// JSON.stringify has called toJSON before it asks the replacer, and a Buffer's gives its bytes away: ask the holder.
function printable(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const original = this[key]
  if (ArrayBuffer.isView(original)) return `[${original.byteLength} bytes]`
  if (original instanceof Error) return printableError(original, maxCauses)
  return typeof value === 'bigint' ? value.toString() : value
}

// Errors may be each other's cause, so the chain is cut.
function printableError({ name, message, stack, cause }: Error, causes: number): object {
  if (cause === undefined || causes === 0) return { name, message, stack }
  return { name, message, stack, cause: cause instanceof Error ? printableError(cause, causes - 1) : cause }
}

function toJson(event: Record<string, unknown>): string {
  try {
    return isPlain(event) ? JSON.stringify(event) : JSON.stringify(event, printable)
  } catch {
    const fields = Object.entries(event).map(([name, value]) => [name, hasJson(value) ? value : '[unprintable]'])
    return JSON.stringify(Object.fromEntries(fields), printable)
  }
}

/** Nothing but text, numbers and flags, as in the line of a call: to ask for each takes most of the time. */
function isPlain(event: Record<string, unknown>): boolean {
  for (const name in event) if (!plainTypes.has(typeof event[name])) return false
  return true
}

function hasJson(value: unknown): boolean {
  try {
    JSON.stringify({ value }, printable)
    return true
  } catch {
    return false
  }
}

const line = winston.format.printf(({ level, message, ...fields }) => {
  return toJson({ time: new Date().toISOString(), level, event: message, ...fields })
})

/** The logger of the process `name`; its file is `<dir>/<name>.log`. Throws INVALID_REQUEST when that cannot be opened. */
export function openLog(name: string, config: LogConfig): Logger {
  const transports: winston.transport[] = []
  const terminal = new winston.transports.Console({ stderrLevels: [] })
  if (config.stdout) transports.push(terminal)
  if (config.dir !== '') transports.push(openFile(name, config))
  const silent = transports.length === 0
  const log = winston.createLogger({
    level: config.level,
    format: line,
    defaultMeta: { service: name },
    transports,
    silent,
  })
  log.on('error', () => undefined) // such as an event after the close: lost, but no reason to die
  const readerLeft = () => log.remove(terminal) // whoever read it is gone: no reason to die either
  process.stdout.on('error', readerLeft)
  log.once('finish', () => process.stdout.off('error', readerLeft))
  return log
}

function openFile(name: string, { dir, setting = 'log.dir', level }: LogConfig): LogFile {
  try {
    makeFolders(dir)
    return new LogFile(join(dir, name), level, logBounds)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const description = `cannot write ${join(dir, name)}.log (${code})`
    const fields = [{ field: 'log folder', description }]
    throw new VaultError('INVALID_REQUEST', { message: `${setting}: ${description}`, fields, cause })
  }
}

/** Resolves when everything logged is written. What is logged later is lost. */
export async function closeLog(log: Logger): Promise<void> {
  log.end()
  await finished(log, { readable: false, error: false, cleanup: true })
}
