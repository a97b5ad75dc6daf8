// What an upload reads: a file or standard input, in chunks, never held as a whole. A file that changes while it is read
// is refused before the record is finished, so that no mixture of two is stored.
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { addAbortSignal } from 'node:stream'
import { invalidField } from '../../core/errors.js'
import { typedData } from '../files/input.js'
import { type Sha256, sha256 } from '../files/sha256.js'
import type { Session } from '../program/program.js'

export interface UploadSource {
  /** Undefined for what has no size before its end, such as a pipe. */
  totalBytes: number | undefined
  /** When the file was changed last. */
  modified?: Date
  /** To be read once. */
  chunks(): AsyncGenerator<Buffer>
  /** How much was read. */
  readonly bytes: number
  /** Of what was read. */
  sha256(): string
  close(): Promise<void>
}

// What one message of an upload takes.
const chunkBytes = 1024 * 1024

export async function openUploadSource(path: string | undefined, session: Session): Promise<UploadSource> {
  if (path === undefined || path === '-') {
    const stdin = addAbortSignal(session.signal, typedData(session))
    return sourceOf(inChunks(stdin), { totalBytes: undefined, close: async () => undefined })
  }
  // Not to wait for whoever writes to a named pipe before it is known that it is one.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  return fileSource(file, { path, flag: '--in' }).catch(async (error) => {
    await file.close()
    throw error
  })
}

/** Takes the file over. */
export async function fileSource(file: FileHandle, named: { path: string; flag: string }): Promise<UploadSource> {
  const before = await file.stat()
  if (before.isDirectory()) {
    throw invalidField(named.flag, `${named.path} is a folder; \`feclient import\` stores the files of one`)
  }
  if (!before.isFile()) throw invalidField(named.flag, `${named.path} is not a regular file; - reads standard input`)

  const changed = invalidField(named.flag, `${named.path} changed while it was read; nothing is stored`)
  async function* chunks() {
    for (let at = 0; ; ) {
      const room = Math.min(chunkBytes, before.size - at + 1) // one more, to see that it ends there
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(room), 0, room, at)
      if (bytesRead === 0) break
      at += bytesRead
      if (at > before.size) throw changed // it may grow faster than it is read, for ever
      yield buffer.subarray(0, bytesRead)
    }
    const { size, mtimeMs } = await file.stat()
    if (size !== before.size || mtimeMs !== before.mtimeMs) throw changed
  }
  return sourceOf(chunks(), { totalBytes: before.size, modified: before.mtime, close: () => file.close() })
}

/** Pieces of at most one message each: a stream may bring larger ones. */
async function* inChunks(stream: AsyncIterable<Buffer | string>): AsyncGenerator<Buffer> {
  for await (const piece of stream) {
    const bytes = Buffer.from(piece as Buffer)
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
  }
}

function sourceOf(
  chunks: AsyncGenerator<Buffer>,
  rest: Pick<UploadSource, 'totalBytes' | 'modified' | 'close'>,
): UploadSource {
  const checksum: Sha256 = sha256()
  let bytes = 0
  async function* counted() {
    for await (const chunk of chunks) {
      checksum.update(chunk)
      bytes += chunk.length
      yield chunk
    }
  }
  return {
    ...rest,
    chunks: counted,
    sha256: () => checksum.hex(),
    get bytes() {
      return bytes
    },
  }
}
