// The log: one JSON line per event, to a file, to standard output or both. Redaction is by type, so that no caller can forget
// it: bytes print their length, and a Secret prints "[secret]". Logging never throws.
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import winston from 'winston'
import { makeFolders } from '../durable-file.js'
import { VaultError } from '../errors.js'
import { LogFile } from './log-file.js'
import { LogStream } from './log-stream.js'

/** The logger of a process. */
export type Logger = winston.Logger

/** The settings of a log. */
export interface LogConfig {
  level: string
  /** Folder of the log file; empty for no file. */
  dir: string
  /** The setting that an error names when the folder cannot be used; `log.dir` by default. */
  setting?: string
  stdout: boolean
}

/** Sets the default log folder: inside the data folder, as a temporary folder would have a predictable name. */
export function withLogFolder(data: { folder: string; setting: string }, config: LogConfig): LogConfig {
  return config.dir === '' ? { ...config, dir: join(data.folder, 'log'), setting: data.setting } : config
}

/** Limits of the log files. */
export const logBounds = { maxFileBytes: 16 * 1024 * 1024, maxFiles: 5 }

const maxCauses = 4
const plainTypes = new Set(['string', 'number', 'boolean', 'undefined'])

// JSON.stringify calls toJSON before the replacer, and a Buffer's toJSON contains its bytes. So the original value decides.
function printable(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const original = this[key]
  if (ArrayBuffer.isView(original)) return `[${original.byteLength} bytes]`
  if (original instanceof Error) return printableError(original, maxCauses)
  return typeof value === 'bigint' ? value.toString() : value
}

// A chain of causes may be a cycle, so its length is limited.
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

/** True if all values are text, numbers and flags, as in the line of a call: the replacer would take most of the time. */
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

/** Opens the log of the process `name`, in the file `<dir>/<name>.log`. Throws INVALID_REQUEST if it cannot be opened. */
export function openLog(name: string, config: LogConfig): Logger {
  const transports: winston.transport[] = []
  if (config.stdout) transports.push(new LogStream(process.stdout, config.level))
  if (config.dir !== '') transports.push(openFile(name, config))
  const silent = transports.length === 0
  const log = winston.createLogger({
    level: config.level,
    format: line,
    defaultMeta: { service: name },
    transports,
    silent,
  })
  log.on('error', () => undefined) // an event after the close is lost, but must not end the process
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

/** Opens the log file anew, after a program that rotates logs has renamed it. */
export function reopenLog(log: Logger): void {
  for (const transport of log.transports) if (transport instanceof LogFile) transport.reopen()
}

/** Writes events of this level and more severe ones from now on. */
export function setLogLevel(log: Logger, level: string): void {
  log.level = level
  for (const transport of log.transports) if (transport instanceof LogFile) transport.level = level
}

/** Closes the log; resolves when all events are written. Later events are lost. */
export async function closeLog(log: Logger): Promise<void> {
  log.end()
  await finished(log, { readable: false, error: false, cleanup: true })
}
