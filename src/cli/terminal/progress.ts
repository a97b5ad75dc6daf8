// A progress line: one line on standard error, overwritten as a long job advances. Nothing is printed if standard error is
// not a terminal.
import type { Terminal } from './terminal.js'

/** How far a job is. */
export interface Position {
  /** Records done. */
  done: number
  failed: number
  /** Bytes of the input done, and in total; without them only the rate is shown. */
  bytes?: number
  totalBytes?: number | undefined
}

/** A progress line. */
export interface Progress {
  /** Shows the position, at most every 200 ms. */
  show(position: Position): void
  /** Removes the line, so that other output can be printed; the next `show` prints it again. */
  clear(): void
}

interface Sample {
  atMs: number
  done: number
  bytes: number
}

const refreshMs = 200
const rateWindowMs = 10_000

/** A duration as text: "8 s", "3 min 20 s", "2 h 5 min". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** The line for a job that counts records; `pace` is its recent speed. */
export function recordProgressText(
  verb: string,
  { done, failed, bytes = 0, totalBytes }: Position,
  pace: Pace,
): string {
  const parts = [`${done} ${verb}`]
  if (failed > 0) parts.push(`${failed} failed`)
  if (totalBytes) parts.push(`${Math.min(100, Math.floor((100 * bytes) / totalBytes))} %`)
  if (pace.recordsPerSecond > 0) parts.push(`${Math.round(pace.recordsPerSecond)}/s`)
  if (totalBytes && pace.bytesPerSecond > 0)
    parts.push(`${formatDuration((totalBytes - bytes) / pace.bytesPerSecond)} left`)
  return parts.join(', ')
}

const byteUnits = ['bytes', 'kB', 'MB', 'GB', 'TB']

/** A number of bytes as text: "812 bytes", "3.1 MB". */
export function formatBytes(bytes: number): string {
  let [shown, unit] = [bytes, 0]
  for (; shown >= 999.95 && unit < byteUnits.length - 1; unit += 1) shown /= 1000
  return `${unit === 0 ? Math.round(shown) : shown.toFixed(1)} ${byteUnits[unit]}`
}

/** The line for a job that counts the bytes of one record. */
export function byteProgressText(verb: string, { bytes = 0, totalBytes }: Position, { bytesPerSecond }: Pace): string {
  const parts = [`${formatBytes(bytes)} ${verb}`]
  if (totalBytes) parts.push(`${Math.min(100, Math.floor((100 * bytes) / totalBytes))} %`)
  if (bytesPerSecond > 0) parts.push(`${formatBytes(bytesPerSecond)}/s`)
  if (totalBytes && bytesPerSecond > 0) parts.push(`${formatDuration((totalBytes - bytes) / bytesPerSecond)} left`)
  return parts.join(', ')
}

interface Pace {
  recordsPerSecond: number
  bytesPerSecond: number
}

function paceOf(samples: Sample[]): Pace {
  const [first, last] = [samples[0], samples.at(-1)]
  const seconds = first && last ? (last.atMs - first.atMs) / 1000 : 0
  if (!first || !last || seconds === 0) return { recordsPerSecond: 0, bytesPerSecond: 0 }
  return { recordsPerSecond: (last.done - first.done) / seconds, bytesPerSecond: (last.bytes - first.bytes) / seconds }
}

const silent: Progress = { show: () => undefined, clear: () => undefined }

/** A progress line on the terminal; one that prints nothing if standard error is not a terminal. */
export function progressLine(
  verb: string,
  { stderr }: Pick<Terminal, 'stderr'>,
  textOf: typeof recordProgressText = recordProgressText,
): Progress {
  if (!stderr.isTTY) return silent
  const samples: Sample[] = []
  let shownAt = Number.NEGATIVE_INFINITY
  const clear = () => {
    if (Number.isFinite(shownAt)) stderr.write('\r\u001b[K')
    shownAt = Number.NEGATIVE_INFINITY
  }
  return {
    clear,
    show(position) {
      const atMs = performance.now()
      if (atMs - shownAt < refreshMs) return
      shownAt = atMs
      samples.push({ atMs, done: position.done, bytes: position.bytes ?? 0 })
      while (samples[0] && atMs - samples[0].atMs > rateWindowMs && samples.length > 2) samples.shift()
      const text = textOf(verb, position, paceOf(samples))
      stderr.write(`\r${text.slice(0, (stderr.columns || 80) - 1)}\u001b[K`)
    },
  }
}
