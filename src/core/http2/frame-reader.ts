// Cuts what a connection receives into frames (RFC 9113 section 4.1). Payloads are views of what was read, not copies; only
// a frame that arrives in pieces is put together.
import { ConnectionError, defaultFrameSize, errorCodes } from './protocol.js'

export interface Frame {
  type: number
  flags: number
  streamId: number
  payload: Buffer
}

export const frameHeaderSize = 9

export class FrameReader {
  readonly #receive: (frame: Frame) => void
  /** A frame of which not all is there. */
  #begun: Buffer | undefined

  constructor(receive: (frame: Frame) => void) {
    this.#receive = receive
  }

  /** Hands on every frame that is whole; throws ConnectionError for one that is too large, and what `receive` throws. */
  push(chunk: Buffer): void {
    let at = this.#begun === undefined ? 0 : this.#complete(chunk, this.#begun)
    while (chunk.length - at >= frameHeaderSize) {
      const end = at + frameHeaderSize + payloadSize(chunk, at)
      if (end > chunk.length) break
      this.#receive(frameAt(chunk, at, end))
      at = end
    }
    if (at < chunk.length) this.#begun = Buffer.from(chunk.subarray(at)) // a view would keep all of the chunk
  }

  /** Adds to the frame that is begun what it lacks; returns how much that was. */
  #complete(chunk: Buffer, begun: Buffer): number {
    let frame = begun
    let at = 0
    for (let lacks = lacking(frame); lacks > 0; lacks = lacking(frame)) {
      const piece = chunk.subarray(at, at + lacks)
      frame = Buffer.concat([frame, piece])
      at += piece.length
      if (piece.length < lacks) {
        this.#begun = frame
        return at
      }
    }
    this.#begun = undefined
    this.#receive(frameAt(frame, 0, frame.length))
    return at
  }
}

/** What is missing of a frame's header, or else of its payload. */
function lacking(frame: Buffer): number {
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
