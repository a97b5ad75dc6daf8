// Uploads and downloads as the tests make them: contents from a seed, cut as a test wants.
import { createHash } from 'node:crypto'
import type { RequestInput } from '../../src/frontend/client.js'
import {
  DownloadRecordRequest,
  type RecordInfo,
  RetrieveRecordRequest,
  StoreRecordRequest,
  type UploadRecordRequest,
  type UploadRecordResponse,
} from '../../src/gen/encserver/v1/frontend.js'
import { call, type FrontEnd } from './world.js'

export const MiB = 1024 * 1024

/** Bytes that look random and are the same for the same seed. */
export function seeded(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size + 4)
  let state = seed >>> 0 || 1
  for (let at = 0; at < size; at += 4) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes.writeUInt32LE(state >>> 0, at)
  }
  return bytes.subarray(0, size)
}

export function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/** Pieces of so many bytes in turn, the last shorter. */
export function cut(data: Buffer, ...sizes: number[]): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0, turn = 0; at < data.length; turn += 1) {
    const size = sizes[turn % sizes.length] as number
    pieces.push(data.subarray(at, at + size))
    at += size
  }
  return pieces
}

export type UploadPart = NonNullable<UploadRecordRequest['part']>

export const header = (request: RequestInput<Omit<StoreRecordRequest, 'data'>> & { data?: Buffer }): UploadPart => ({
  $case: 'header',
  value: StoreRecordRequest.create(request),
})
export const chunk = (value: Buffer): UploadPart => ({ $case: 'chunk', value })
export const finish = (size: number, hash: Buffer = Buffer.alloc(0)): UploadPart => ({
  $case: 'finish',
  value: { sizeBytes: BigInt(size), sha256: hash },
})

export async function* messages(
  parts: AsyncIterable<UploadPart | undefined> | Iterable<UploadPart | undefined>,
): AsyncGenerator<UploadRecordRequest> {
  for await (const part of parts) yield { part }
}

/** The messages of an honest upload. */
export function uploadOf(request: RequestInput<Omit<StoreRecordRequest, 'data'>>, pieces: Buffer[]): UploadPart[] {
  const data = Buffer.concat(pieces)
  return [header(request), ...pieces.map(chunk), finish(data.length, sha256(data))]
}

export function upload(
  { service }: FrontEnd,
  request: RequestInput<Omit<StoreRecordRequest, 'data'>>,
  data: Buffer,
): Promise<UploadRecordResponse> {
  return service.uploadRecord(messages(uploadOf(request, cut(data, 64 * 1024))), call)
}

export interface Downloaded {
  record: RecordInfo
  data: Buffer
  pieces: number[]
}

type Asked = RequestInput<RetrieveRecordRequest> & { offset?: number; length?: number }

export function downloadRequest({ offset = 0, length = 0, ...record }: Asked): DownloadRecordRequest {
  return DownloadRecordRequest.create({
    record: RetrieveRecordRequest.create(record),
    offset: BigInt(offset),
    length: BigInt(length),
  })
}

/** All of a download; the header came first, and once, or it throws. */
export async function download({ service }: FrontEnd, asked: Asked, context = call): Promise<Downloaded> {
  let record: RecordInfo | undefined
  const pieces: Buffer[] = []
  for await (const { part } of service.downloadRecord(downloadRequest(asked), context)) {
    if ((part?.$case === 'header') !== (record === undefined)) throw new Error('one header comes, and first')
    if (part?.$case === 'header') record = part.value
    if (part?.$case === 'chunk') pieces.push(part.value)
  }
  if (record === undefined) throw new Error('no header came')
  return { record, data: Buffer.concat(pieces), pieces: pieces.map(({ length }) => length) }
}
