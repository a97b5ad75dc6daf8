// Header blocks (RFC 9113 section 4.3): a HEADERS frame and the CONTINUATION frames that must follow it, decoded as one
// field list. Size and number of the frames are bounded, against a flood of CONTINUATION.
import type { Frame } from './frame-reader.js'
import { HpackDecoder } from './hpack/decoder.js'
import { contentOf } from './payloads.js'
import { ConnectionError, errorCodes, flags } from './protocol.js'

const maxBlockBytes = 64 * 1024
const maxFrames = 16

/** A complete header block, decoded. */
export interface HeaderBlock {
  streamId: number
  endStream: boolean
  /** Names and values in turn; undefined when the list is larger than the limit. */
  fields: string[] | undefined
}

/** Assembles and decodes the header blocks of a connection. */
export class HeaderBlocks {
  readonly #decoder: HpackDecoder
  #partial: { frame: Frame; pieces: Buffer[]; bytes: number } | undefined

  constructor(limits: { maxListBytes: number }) {
    this.#decoder = new HpackDecoder(limits)
  }

  /** True between HEADERS and the last CONTINUATION; no other frame may come then. */
  get isIncomplete(): boolean {
    return this.#partial !== undefined
  }

  /** Handles HEADERS; returns the block if no CONTINUATION follows. Throws ConnectionError and CompressionError. */
  start(frame: Frame): HeaderBlock | undefined {
    const content = contentOf(frame)
    if (frame.flags & flags.endHeaders) return this.#decode(frame, content)
    this.#partial = { frame, pieces: [Buffer.from(content)], bytes: content.length }
    return undefined
  }

  /** Handles CONTINUATION; returns the block if it is complete. Throws ConnectionError and CompressionError. */
  continue({ streamId, flags: set, payload }: Frame): HeaderBlock | undefined {
    const partial = this.#partial
    if (partial === undefined || partial.frame.streamId !== streamId)
      throw new ConnectionError(errorCodes.protocolError, 'a continuation of no header block')
    partial.pieces.push(Buffer.from(payload))
    partial.bytes += payload.length
    if (partial.bytes > maxBlockBytes || partial.pieces.length > maxFrames)
      throw new ConnectionError(errorCodes.enhanceYourCalm, 'too many header fields')
    if ((set & flags.endHeaders) === 0) return undefined
    this.#partial = undefined
    return this.#decode(partial.frame, Buffer.concat(partial.pieces))
  }

  #decode({ streamId, flags: set }: Frame, bytes: Buffer): HeaderBlock {
    return { streamId, endStream: (set & flags.endStream) !== 0, fields: this.#decoder.decode(bytes) }
  }
}
