// The inputs of the programs: data, record keys and bound bytes, from standard input or a file, each with a size limit.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { addAbortSignal } from 'node:stream'
import { InvalidArgumentError } from 'commander'
import { invalidField } from '../../core/errors.js'
import type { Session } from '../program/program.js'
import { printNote } from '../terminal/output.js'

const maxDataBytes = 3_145_728
const maxAadBytes = 65_536
const maxKeyBytes = 1024

interface Limit {
  field: string
  maxBytes: number
}

/** A stream of the file. A folder is refused here, since the system's error on a read does not name it. */
async function openFile(path: string, flag: string): Promise<Readable> {
  if ((await stat(path)).isDirectory()) throw invalidField(flag, `${path} is a folder, not a file`)
  return createReadStream(path)
}

async function readBounded(stream: Readable, { field, maxBytes }: Limit, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of addAbortSignal(signal, stream)) {
    chunks.push(Buffer.from(chunk))
    size += chunk.length
    if (size > maxBytes) throw invalidField(field, `must be at most ${maxBytes} bytes, and there are more`)
  }
  return Buffer.concat(chunks)
}

/** The contents of a record, from the file; from standard input without one, or for `-`. */
export async function readData(file: string | undefined, session: Session): Promise<Buffer> {
  const stream = file === undefined || file === '-' ? standardInput(session) : await openFile(file, '--in')
  return readBounded(stream, { field: 'data', maxBytes: maxDataBytes }, session.signal)
}

/** Standard input; prints a prompt if it is a terminal. */
export function standardInput({ terminal }: Session): Readable {
  if (terminal.stdin.isTTY) printNote('Type the data; Ctrl-D ends it.', terminal)
  return terminal.stdin
}

/** The bytes bound to a record; empty without a file. */
export async function readAad(file: string | undefined, { signal }: Session): Promise<Buffer> {
  if (file === undefined) return Buffer.alloc(0)
  return readBounded(await openFile(file, '--aad-file'), { field: '--aad-file', maxBytes: maxAadBytes }, signal)
}

/** The flags that say where the record key is. */
export interface KeyFlags {
  keyFile?: string
  keyStdin?: true
}

/** The record key; empty without a flag, as for a record of mode `server`. */
export async function readRecordKey(flags: KeyFlags, { terminal, signal }: Session): Promise<string> {
  const { keyFile, keyStdin } = flags
  if (keyFile === undefined && !keyStdin) return ''
  const field = keyFile === undefined ? '--key-stdin' : '--key-file'
  const stream = keyFile === undefined ? terminal.stdin : await openFile(keyFile, field)
  const key = (await readBounded(stream, { field, maxBytes: maxKeyBytes }, signal)).toString('utf8').trim()
  // An empty key would mean a record of mode `server`.
  if (key === '') throw invalidField(field, 'holds no record key')
  return key
}

/** A parser of a flag whose value is `size` bytes in hex. */
export function hexOf(size: number): (text: string) => Buffer {
  return (text) => {
    if (text.length === 2 * size && /^[0-9a-f]*$/i.test(text)) return Buffer.from(text, 'hex')
    throw new InvalidArgumentError(`It must be ${2 * size} hex digits.`)
  }
}
