// A dump of the earlier services' collection, as NDJSON. It is read once to learn where each document is, and then again
// document by document as they are asked for: it may be larger than memory.
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { addAbortSignal } from 'node:stream'
import { invalidField, VaultError } from '../../core/errors.js'
import { asVaultError } from '../../core/status.js'
import { ndjsonLines } from '../files/ndjson-lines.js'
import { type DumpFields, maxDumpLineBytes, parseDumpLine } from './line.js'
import { type LineIndex, type LinePlace, lineIndex } from './line-index.js'

export interface LegacyDump {
  /** How many were read. */
  readonly documents: number
  /** The record kept under an id. Rejects with RECORD_NOT_FOUND, or INVALID_REQUEST when there are several. */
  find(id: Buffer): Promise<Buffer>
  close(): Promise<void>
}

export interface DumpSource {
  path: string
  fields: DumpFields
  /** Told of each line that cannot be read; such a line is left out. */
  unreadable(line: number, error: VaultError): Promise<void>
}

export async function openDump(source: DumpSource, signal: AbortSignal): Promise<LegacyDump> {
  const file = await open(source.path)
  try {
    if (!(await file.stat()).isFile()) throw invalidField('--dump', `${source.path} is not a regular file`)
    const index = await indexed(source, signal)
    return {
      documents: index.count,
      find: async (id) => recordOf(await documentsOf(id, { file, index, fields: source.fields })),
      close: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

async function indexed({ path, fields, unreadable }: DumpSource, signal: AbortSignal): Promise<LineIndex> {
  const index = lineIndex()
  const chunks = addAbortSignal(signal, createReadStream(path, { highWaterMark: 1024 * 1024 }))
  const advice = 'mongoexport without --jsonArray, or bsondump, makes lines of documents'
  const file = { flag: '--dump', name: path, advice, maxLineBytes: maxDumpLineBytes }
  for await (const { number, text, start, size } of ndjsonLines(chunks, file)) {
    try {
      index.add(parseDumpLine(text, fields).id, { start, size })
    } catch (thrown) {
      await unreadable(number, ofDump(asVaultError(thrown)))
    }
  }
  return index
}

function ofDump({ reason, message, cause }: VaultError): VaultError {
  return new VaultError(reason, { message: `of the dump: ${message}`, cause })
}

interface Reading {
  file: FileHandle
  index: LineIndex
  fields: DumpFields
}

async function documentsOf(id: Buffer, { file, index, fields }: Reading): Promise<Buffer[]> {
  const records: Buffer[] = []
  for (const place of index.find(id)) {
    const document = parseDumpLine(await readPlace(file, place), fields)
    if (document.id.equals(id)) records.push(document.record)
  }
  return records
}

async function readPlace(file: FileHandle, { start, size }: LinePlace): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, start)
  if (bytesRead === size) return buffer
  throw invalidField('--dump', 'the file was cut while it was read')
}

// Their collection had no unique index: racing first stores of a user could leave two documents, of which one was read.
function recordOf([record, ...others]: Buffer[]): Buffer {
  if (record === undefined) throw new VaultError('RECORD_NOT_FOUND', { message: 'the dump has no document of this id' })
  if (others.length === 0) return record
  throw invalidField('--dump', `has ${1 + others.length} documents of this id; remove all but the right one`)
}
