// What a program may touch of its process. `process` itself is one; tests hand in their own.
import type { Readable, Writable } from 'node:stream'

export interface Terminal {
  readonly argv: string[]
  readonly env: NodeJS.ProcessEnv
  readonly stdin: Readable & { isTTY?: boolean | undefined }
  readonly stdout: Writable & { isTTY?: boolean | undefined }
  readonly stderr: Writable & { isTTY?: boolean | undefined; columns?: number | undefined }
  once(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP', listener: () => void): unknown
}

/** Where results and notes go. */
export type Output = Pick<Terminal, 'stdout' | 'stderr'>

// Control characters, those that reorder a line, unpaired halves: the name of a record is anybody's text.
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu

/** The text with everything that could steer a terminal shown as an escape. */
export function printable(text: string): string {
  return text.replace(unprintable, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

/** Whether bytes are text that cannot steer a terminal. */
export function isPrintableText(bytes: Buffer): boolean {
  const text = bytes.toString('utf8').replace(/[\n\r\t]/g, ' ')
  return !text.includes('\ufffd') && printable(text) === text
}

/** Writes all of it; rejects when nobody reads any more. */
export function writeAll(stream: Writable, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}
