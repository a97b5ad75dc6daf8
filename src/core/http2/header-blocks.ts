// Header blocks (RFC 9113 section 4.3): HEADERS and the CONTINUATION frames that follow it at once, decoded as one.
import type { Frame } from './frame-reader.js'
import { HpackDecoder } from './hpack/decoder.js'
import { contentOf } from './payloads.js'
import { ConnectionError, errorCodes, flags } from './protocol.js'

const maxBlockBytes = 64 * 1024
const maxFrames = 16

export interface HeaderBlock {
  streamId: number
  endStream: boolean
  /** Names and values in turn; undefined when there is too much of them. */
  fields: string[] | undefined
}

export class HeaderBlocks {
  readonly #decoder: HpackDecoder
  #begun: { frame: Frame; pieces: Buffer[]; bytes: number } | undefined

  constructor(limits: { maxListBytes: number }) {
    this.#decoder = new HpackDecoder(limits)
  }

  /** Nothing but CONTINUATION may come. */
  get isBegun(): boolean {
    return this.#begun !== undefined
  }

  /** Takes HEADERS; the block, if that was all of it. */
  begin(frame: Frame): HeaderBlock | undefined {
    const content = contentOf(frame)
    if (frame.flags & flags.endHeaders) return this.#block(frame, content)
    this.#begun = { frame, pieces: [Buffer.from(content)], bytes: content.length }
    return undefined
  }

  /** Takes CONTINUATION. */
  add({ streamId, flags: set, payload }: Frame): HeaderBlock | undefined {
    const begun = this.#begun
    if (begun === undefined || begun.frame.streamId !== streamId)
      throw new ConnectionError(errorCodes.protocolError, 'a continuation of nothing')
    begun.pieces.push(Buffer.from(payload))
    begun.bytes += payload.length
    if (begun.bytes > maxBlockBytes || begun.pieces.length > maxFrames)
      throw new ConnectionError(errorCodes.enhanceYourCalm, 'too many header fields')
    if ((set & flags.endHeaders) === 0) return undefined
    this.#begun = undefined
    return this.#block(begun.frame, Buffer.concat(begun.pieces))
  }

  #block({ streamId, flags: set }: Frame, bytes: Buffer): HeaderBlock {
    return { streamId, endStream: (set & flags.endStream) !== 0, fields: this.#decoder.decode(bytes) }
  }
}
