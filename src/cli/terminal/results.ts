// Results: what a program writes to standard output. Each write is awaited, and one that fails ends the program with an error
// that says what was done and what is lost. Without that, a full disk would turn a record key into a success that nobody can use.
import { fstatSync, type Stats, statSync, writeFile, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { promisify } from 'node:util'
import type { Output } from './terminal.js'

/** What a failed write means to a caller. */
export interface Loss {
  /** What the program did before the write, such as `the record is deleted`. */
  done?: string
  /** What is lost with the result, and what to do about it. */
  lost?: string
}

/** The failure of a write to standard output. Its message is complete, without a stack. */
export class OutputFailure extends Error {
  /** True if a reader of mere information has left, as in `list | head`: nothing is lost, and the program ends silently. */
  readonly isSilent: boolean

  constructor(message: string, { cause, isSilent = false }: { cause?: unknown; isSilent?: boolean } = {}) {
    super(message, { cause })
    this.isSilent = isSilent
  }
}

function failedWrite(cause: NodeJS.ErrnoException, { done, lost }: Loss): OutputFailure {
  const what = `standard output cannot be written (${reasonOf(cause)})`
  const message = `${done === undefined ? what : `${done}, but ${what}`}${lost === undefined ? '' : `: ${lost}`}`
  return new OutputFailure(message, { cause, isSilent: cause.code === 'EPIPE' && done === undefined })
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  return code === 'EPIPE' ? 'EPIPE: its reader has gone' : message.replace(/, write$/, '')
}

const writeWholeFile = promisify(writeFile)

/** The file that a stream writes to; undefined for terminals, pipes, sockets and streams of this process. */
function fileOf(stream: Writable & { fd?: number }): number | undefined {
  return stream instanceof Socket ? undefined : stream.fd
}

/**
 * Writes a result to standard output; resolves when the system has all of it. Rejects with OutputFailure, which tells `loss`.
 * Files are written here, since a Node stream drops the rest of a write that filled the disk.
 */
export async function writeResult({ stdout }: Output, data: string | Uint8Array, loss: Loss = {}): Promise<void> {
  const fd = fileOf(stdout)
  try {
    if (fd === undefined) await writeStream(stdout, data)
    else await writeWholeFile(fd, data)
  } catch (cause) {
    throw failedWrite(cause as NodeJS.ErrnoException, loss)
  }
}

function writeStream(stream: Writable, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => (error ? reject(error) : resolve()))
  })
}

/**
 * Throws OutputFailure if standard output cannot take record keys: it is full, or the null device, which Node also opens in
 * place of a closed one. Programs call it before they store. A pipe without a reader is found by the write only.
 */
export function checkKeyOutput({ stdout }: Output): void {
  const fd = fileOf(stdout)
  if (fd === undefined) return
  if (isNullDevice(fstatSync(fd))) throw noKeyOutput('it is closed, or the null device')
  try {
    writeSync(fd, '')
  } catch (cause) {
    throw noKeyOutput(reasonOf(cause as NodeJS.ErrnoException), cause)
  }
}

function noKeyOutput(why: string, cause?: unknown): OutputFailure {
  const message = `nothing was stored: standard output cannot take a record key (${why}); name a file for it`
  return new OutputFailure(message, { cause })
}

function isNullDevice(found: Stats): boolean {
  return found.isCharacterDevice() && found.rdev === statSync('/dev/null').rdev
}
