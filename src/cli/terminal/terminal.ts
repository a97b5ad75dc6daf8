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

/** Writes bytes and waits until they are written; rejects if the stream is closed. */
export function writeAll(stream: Writable, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}
