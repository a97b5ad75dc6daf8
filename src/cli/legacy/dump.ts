// A dump of the old services' collection, as NDJSON. It may be larger than memory: a first pass indexes where each document
// is, and each lookup reads its document again.
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { addAbortSignal } from 'node:stream'
import { invalidField, VaultError } from '../../core/errors.js'
import { asVaultError } from '../../core/status.js'
import { readLines } from '../files/lines.js'
import { ndjsonLines } from '../files/ndjson-lines.js'
import { type DumpFields, maxDumpLineBytes, parseDumpLine } from './line.js'
import { type LineIndex, lineIndex } from './line-index.js'

/** An indexed dump. */
export interface LegacyDump {
  /** The number of readable documents. */
  readonly documents: number
  /** The record of an id. Rejects with RECORD_NOT_FOUND, or with INVALID_REQUEST if there are several. */
  find(id: Buffer): Promise<Buffer>
  close(): Promise<void>
}

/** A dump to open. */
export interface DumpSource {
  path: string
  fields: DumpFields
  /** Called for each line that cannot be read; the index leaves it out. */
  onUnreadable(line: number, error: VaultError): Promise<void>
}

/** Indexes a dump; throws INVALID_REQUEST if it is not a regular file, or not NDJSON. */
export async function openDump(source: DumpSource, signal: AbortSignal): Promise<LegacyDump> {
  const { path, fields } = source
  const file = await open(path)
  try {
    if (!(await file.stat()).isFile()) throw invalidField('--dump', `${path} is not a regular file`)
    const index = await indexDump(source, signal)
    return {
      documents: index.count,
      find: async (id) => onlyRecord(await recordsOf(id, { file, index, fields })),
      close: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

async function indexDump({ path, fields, onUnreadable }: DumpSource, signal: AbortSignal): Promise<LineIndex> {
  const index = lineIndex()
  const chunks = addAbortSignal(signal, createReadStream(path, { highWaterMark: 1024 * 1024 }))
  const advice = 'mongoexport without --jsonArray, or bsondump, makes lines of documents'
  const file = { flag: '--dump', name: path, advice, maxLineBytes: maxDumpLineBytes }
  for await (const { number, text, start } of ndjsonLines(chunks, file)) {
    try {
      index.add(parseDumpLine(text, fields).id, start)
    } catch (thrown) {
      await onUnreadable(number, inDump(asVaultError(thrown)))
    }
  }
  return index
}

function inDump({ reason, message, cause }: VaultError): VaultError {
  return new VaultError(reason, { message: `of the dump: ${message}`, cause })
}

interface OpenDump {
  file: FileHandle
  index: LineIndex
  fields: DumpFields
}

async function recordsOf(id: Buffer, { file, index, fields }: OpenDump): Promise<Buffer[]> {
  const records: Buffer[] = []
  for (const offset of index.find(id)) {
    const document = parseDumpLine(await readLineAt(file, offset), fields)
    if (document.id.equals(id)) records.push(document.record)
  }
  return records
}

async function readLineAt(file: FileHandle, offset: number): Promise<Buffer | undefined> {
  for await (const { text } of readLines(chunksFrom(file, offset), maxDumpLineBytes)) return text
  throw invalidField('--dump', 'the file was cut during the import')
}

const chunkBytes = 64 * 1024

// A stream of the handle's own would add a listener to it at each call, and remove none.
async function* chunksFrom(file: FileHandle, offset: number): AsyncGenerator<Buffer> {
  for (let at = offset; ; ) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, at)
    if (bytesRead === 0) return
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

// The old collection had no unique index: two concurrent first stores of a user left two documents, of which the
// service read only one.
function onlyRecord([record, ...others]: Buffer[]): Buffer {
  if (record === undefined) throw new VaultError('RECORD_NOT_FOUND', { message: 'the dump has no document of this id' })
  if (others.length === 0) return record
  throw invalidField('--dump', `has ${1 + others.length} documents of this id; remove all but the right one`)
}
