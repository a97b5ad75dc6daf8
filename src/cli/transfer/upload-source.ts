// The source of an upload: a file or standard input, read in chunks. A file that changes while it is read fails the upload
// before the record is committed, so that no mixture of two contents is stored.
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { addAbortSignal } from 'node:stream'
import { invalidField } from '../../core/errors.js'
import { standardInput } from '../files/input.js'
import { type Sha256, sha256 } from '../files/sha256.js'
import type { Session } from '../program/program.js'

/** The bytes of one upload. */
export interface UploadSource {
  /** Undefined for a source of unknown size, such as a pipe. */
  totalBytes: number | undefined
  /** When the file was last changed. */
  modified?: Date
  /** The bytes; can be read once. */
  chunks(): AsyncGenerator<Buffer>
  /** The number of bytes read so far. */
  readonly bytes: number
  /** The SHA-256 of the bytes read so far, in hex. */
  sha256(): string
  close(): Promise<void>
}

// The size of a message of an upload.
const chunkBytes = 1024 * 1024

/** Opens a file; standard input without a path, or for `-`. Throws INVALID_REQUEST if it is not a regular file. */
export async function openUploadSource(path: string | undefined, session: Session): Promise<UploadSource> {
  if (path === undefined || path === '-') {
    const stdin = addAbortSignal(session.signal, standardInput(session))
    return sourceOf(inChunks(stdin), { totalBytes: undefined, close: async () => undefined })
  }
  // Without O_NONBLOCK, the open of a named pipe would wait for a writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  return fileSource(file, { path, flag: '--in' }).catch(async (error) => {
    await file.close()
    throw error
  })
}

/** The source of an open file, which it closes. Throws INVALID_REQUEST if it is not a regular file. */
export async function fileSource(file: FileHandle, named: { path: string; flag: string }): Promise<UploadSource> {
  const before = await file.stat()
  if (before.isDirectory()) {
    throw invalidField(named.flag, `${named.path} is a folder; \`feclient import\` stores the files of one`)
  }
  if (!before.isFile()) throw invalidField(named.flag, `${named.path} is not a regular file; - reads standard input`)

  const changed = invalidField(named.flag, `${named.path} changed while it was read; nothing is stored`)
  async function* chunks() {
    for (let at = 0; ; ) {
      const room = Math.min(chunkBytes, before.size - at + 1) // one byte more shows that the file has grown
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(room), 0, room, at)
      if (bytesRead === 0) break
      at += bytesRead
      if (at > before.size) throw changed // a file that grows faster than it is read has no end
      yield buffer.subarray(0, bytesRead)
    }
    const { size, mtimeMs } = await file.stat()
    if (size !== before.size || mtimeMs !== before.mtimeMs) throw changed
  }
  return sourceOf(chunks(), { totalBytes: before.size, modified: before.mtime, close: () => file.close() })
}

/** Splits the stream into chunks of at most one message. */
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
