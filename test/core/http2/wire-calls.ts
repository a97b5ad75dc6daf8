// gRPC calls as bytes, valid or not, for tests that write frames themselves.
import { FrontendServiceService, RetrieveRecordRequest } from '../../../src/gen/encserver/v1/frontend.js'
import { retrieval } from '../fake-frontend.js'
import { block, data, type Fields, flags, frame, message, types } from './wire-frames.js'

export const path = FrontendServiceService.retrieveRecord.path

/** Fields that replace others; undefined leaves one out. */
export type Changes = Record<string, string | undefined>

export function fieldsOf(changes: Changes = {}): Fields {
  const usual = { ':method': 'POST', ':scheme': 'http', ':path': path, ':authority': 'vault' }
  const fields = { ...usual, 'content-type': 'application/grpc', te: 'trailers', ...changes }
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}

/** The HEADERS of a call, without END_STREAM. */
export function headers(streamId: number, changes: Changes = {}): Buffer {
  return frame(types.headers, [streamId, flags.endHeaders], block(fieldsOf(changes)))
}

/** The message of a retrieve. */
export function request(fields: Partial<RetrieveRecordRequest> = {}): Buffer {
  return message(Buffer.from(RetrieveRecordRequest.encode(retrieval(fields)).finish()))
}

/** All frames of a retrieve. */
export function call(streamId: number, fields: Partial<RetrieveRecordRequest> = {}): Buffer {
  return Buffer.concat([headers(streamId), data([streamId, flags.endStream], request(fields))])
}

/** The ids a client gives its streams. */
export function streamIds(count: number, first = 1): number[] {
  return Array.from({ length: count }, (_, at) => first + 2 * at)
}
