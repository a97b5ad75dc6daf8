// The terminal of a program: the part of `process` that programs use. Tests pass their own.
import type { Readable, Writable } from 'node:stream'

/** Arguments, environment, standard streams and signals of a process. */
export interface Terminal {
  readonly argv: string[]
  readonly env: NodeJS.ProcessEnv
  readonly stdin: Readable & { isTTY?: boolean | undefined }
  readonly stdout: Writable & { isTTY?: boolean | undefined }
  readonly stderr: Writable & { isTTY?: boolean | undefined; columns?: number | undefined }
  once(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP', listener: () => void): unknown
}

/** The standard streams for results and for notes. */
export type Output = Pick<Terminal, 'stdout' | 'stderr'>

/**
 * Keeps a failed write to a standard stream from ending the process. Results have their own errors (results.ts); a note that
 * cannot be printed is lost.
 */
export function surviveFailedWrites({ stdout, stderr }: Output): void {
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined)
}

// Control characters, format characters that reorder a line, unpaired surrogates. Names of records may hold any text.
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu

/** The text with an escape in place of each character that could control a terminal. */
export function printable(text: string): string {
  return text.replace(unprintable, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

/** True if the bytes are UTF-8 text that cannot control a terminal. */
export function isPrintableText(bytes: Buffer): boolean {
  const text = bytes.toString('utf8').replace(/[\n\r\t]/g, ' ')
  return !text.includes('\ufffd') && printable(text) === text
}
