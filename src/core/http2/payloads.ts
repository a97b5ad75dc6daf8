// Reads and writes the payloads of frames (RFC 9113 section 6) and checks their size and stream id.
import type { Frame } from './frame-reader.js'
import { ConnectionError, errorCodes, flags, frameTypes, StreamError } from './protocol.js'

const prioritySize = 5

/** The content of DATA or HEADERS without padding and priority. Throws ConnectionError for wrong sizes. */
export function contentOf(frame: Frame): Buffer {
  const { payload } = frame
  const padded = (frame.flags & flags.padded) !== 0
  const padding = padded ? (payload[0] ?? payload.length) : 0
  const start = (padded ? 1 : 0) + prioritySizeIn(frame, padded ? 1 : 0)
  if (start + padding > payload.length) throw new ConnectionError(errorCodes.protocolError, 'padding beyond its frame')
  return payload.subarray(start, payload.length - padding)
}

function prioritySizeIn(frame: Frame, at: number): number {
  if (frame.type !== frameTypes.headers || (frame.flags & flags.priority) === 0) return 0
  checkSize(frame, frame.payload.length >= at + prioritySize)
  if (isOwnDependency(frame, at)) throw new ConnectionError(errorCodes.protocolError, 'a stream that depends on itself')
  return prioritySize
}

/** Checks PRIORITY, which has no effect here (section 5.3.2). Throws StreamError and ConnectionError. */
export function checkPriority(frame: Frame): void {
  checkStreamId(frame, frame.streamId > 0)
  if (frame.payload.length !== prioritySize) throw new StreamError(frame.streamId, errorCodes.frameSizeError)
  if (isOwnDependency(frame, 0)) throw new StreamError(frame.streamId, errorCodes.protocolError)
}

function isOwnDependency({ payload, streamId }: Frame, at: number): boolean {
  return (payload.readUInt32BE(at) & 0x7fffffff) === streamId
}

/** The 32-bit number in RST_STREAM or WINDOW_UPDATE. Throws ConnectionError for another size. */
export function numberIn(frame: Frame): number {
  checkSize(frame, frame.payload.length === 4)
  return frame.payload.readUInt32BE(0)
}

/** Throws ConnectionError with FRAME_SIZE_ERROR unless `isRight`. */
export function checkSize({ type, payload }: Frame, isRight: boolean): void {
  if (isRight) return
  throw new ConnectionError(errorCodes.frameSizeError, `a frame of type ${type} with ${payload.length} bytes`)
}

/** Throws ConnectionError with PROTOCOL_ERROR unless `isRight`: the type of frame is not allowed on its stream. */
export function checkStreamId({ type, streamId }: Frame, isRight: boolean): void {
  if (!isRight) throw new ConnectionError(errorCodes.protocolError, `a frame of type ${type} on stream ${streamId}`)
}

/** Encodes 32-bit numbers. */
export function u32(...numbers: number[]): Buffer {
  const bytes = Buffer.allocUnsafe(numbers.length * 4)
  numbers.forEach((number, at) => void bytes.writeUInt32BE(number, at * 4))
  return bytes
}

/** Encodes the payload of SETTINGS (section 6.5.1). */
export function settingsPayload(pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  const bytes = Buffer.allocUnsafe(pairs.length * 6)
  pairs.forEach(([id, value], at) => {
    bytes.writeUInt16BE(id, at * 6)
    bytes.writeUInt32BE(value, at * 6 + 2)
  })
  return bytes
}
