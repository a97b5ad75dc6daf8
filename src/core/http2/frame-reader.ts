// Splits the bytes of a connection into frames (RFC 9113 section 4.1). Payloads are views of the received chunk; only a
// frame that arrives in pieces is copied.
import { ConnectionError, defaultFrameSize, errorCodes, frameTypes } from './protocol.js'

/** A frame; its payload is valid only while the receiver handles it. */
export interface Frame {
  type: number
  flags: number
  streamId: number
  payload: Buffer
}

/** Bytes before a payload: length, type, flags, stream id. */
export const frameHeaderSize = 9

/** Passes each complete frame to a receiver. */
export class FrameReader {
  readonly #receive: (frame: Frame) => void
  readonly #mustWait: () => boolean
  /** The bytes of an incomplete frame. */
  #partial: Buffer | undefined

  /** `mustWait` is asked before each HEADERS, except one that arrives in pieces. */
  constructor(receive: (frame: Frame) => void, mustWait: () => boolean) {
    this.#receive = receive
    this.#mustWait = mustWait
  }

  /**
   * Reads a chunk; returns the bytes before which it must wait, to be pushed later. Throws ConnectionError for a frame that is too
   * large, and whatever the receiver throws.
   */
  push(chunk: Buffer): Buffer | undefined {
    let at = this.#partial === undefined ? 0 : this.#complete(chunk, this.#partial)
    while (chunk.length - at >= frameHeaderSize) {
      if (chunk[at + 3] === frameTypes.headers && this.#mustWait()) return chunk.subarray(at)
      const end = at + frameHeaderSize + payloadSize(chunk, at)
      if (end > chunk.length) break
      this.#receive(frameAt(chunk, at, end))
      at = end
    }
    if (at < chunk.length) this.#partial = Buffer.from(chunk.subarray(at)) // a view would retain the whole chunk
    return undefined
  }

  /** Completes the partial frame from the chunk; returns the number of bytes used. */
  #complete(chunk: Buffer, partial: Buffer): number {
    let frame = partial
    let at = 0
    for (let missing = missingBytes(frame); missing > 0; missing = missingBytes(frame)) {
      const piece = chunk.subarray(at, at + missing)
      frame = Buffer.concat([frame, piece])
      at += piece.length
      if (piece.length < missing) {
        this.#partial = frame
        return at
      }
    }
    this.#partial = undefined
    this.#receive(frameAt(frame, 0, frame.length))
    return at
  }
}

/** Bytes that are missing of the frame header, or of the payload once the header is complete. */
function missingBytes(frame: Buffer): number {
  if (frame.length < frameHeaderSize) return frameHeaderSize - frame.length
  return frameHeaderSize + payloadSize(frame, 0) - frame.length
}

function payloadSize(bytes: Buffer, at: number): number {
  const size = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number)
  if (size > defaultFrameSize) throw new ConnectionError(errorCodes.frameSizeError, `a frame of ${size} bytes`)
  return size
}

function frameAt(bytes: Buffer, at: number, end: number): Frame {
  return {
    type: bytes[at + 3] as number,
    flags: bytes[at + 4] as number,
    streamId: bytes.readUInt32BE(at + 5) & 0x7fffffff,
    payload: bytes.subarray(at + frameHeaderSize, end),
  }
}
