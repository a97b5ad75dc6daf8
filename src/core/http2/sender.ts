// The sending half of a connection: writes every frame, and tracks the connection's flow-control window (RFC 9113 section
// 5.2). Streams that find no room wait here and are pumped when there is room again.
import type { Writable } from 'node:stream'
import type { HeaderFields } from '../transport.js'
import { encodeFields } from './hpack/encoder.js'
import { Output } from './output.js'
import { settingsPayload, u32 } from './payloads.js'
import { PeerSettings } from './peer-settings.js'
import { ConnectionError, defaultWindow, errorCodes, flags, frameTypes, maxWindow } from './protocol.js'

const empty = Buffer.alloc(0)

/** A stream that waits for room. */
interface Pumped {
  pump(): void
}

/** Writes the frames of a connection. */
export class Sender {
  readonly peer = new PeerSettings()
  readonly #output: Output
  readonly #waiting = new Set<Pumped>()
  #window = defaultWindow
  /** A server begins every response with the same fields, so their block is encoded once. */
  #responseFields: HeaderFields = []
  #responseBlock: Buffer = empty

  /** `onRoom` is called when the socket accepts output again. */
  constructor(socket: Writable, onRoom: () => void) {
    const flushed = () => {
      if (this.isFull) return
      onRoom()
      this.#pumpWaiting()
    }
    this.#output = new Output(socket, flushed)
    socket.on('drain', flushed)
  }

  /** True while the peer does not read what it is sent. */
  get isFull(): boolean {
    return this.#output.isFull
  }

  /** Bytes of DATA that one stream may send now. */
  get room(): number {
    return this.#output.isFull ? 0 : Math.min(this.#window, this.peer.maxFrameSize)
  }

  /** Pumps the stream when there is room again. */
  addWaiting(stream: Pumped): void {
    this.#waiting.add(stream)
  }

  /** Forgets a waiting stream. */
  removeWaiting(stream: Pumped): void {
    this.#waiting.delete(stream)
  }

  /** Handles WINDOW_UPDATE of the connection; throws ConnectionError for an increment of 0 or a window that overflows. */
  grow(bytes: number): void {
    if (bytes === 0) throw new ConnectionError(errorCodes.protocolError, 'a window update of 0 bytes')
    this.#window += bytes
    if (this.#window > maxWindow) throw new ConnectionError(errorCodes.flowControlError, 'a window beyond its maximum')
    this.#pumpWaiting()
  }

  /** Writes the header of DATA; `append` must add exactly `size` bytes next. */
  data(streamId: number, size: number): void {
    this.#window -= size
    this.#output.head({ type: frameTypes.data, flags: flags.none, streamId, size })
  }

  /** Adds bytes of DATA, which must not change afterwards. */
  append(bytes: Buffer): void {
    this.#output.append(bytes)
  }

  /** Writes the HEADERS that begin a response. */
  responseHeaders(streamId: number, fields: HeaderFields): void {
    if (fields !== this.#responseFields) {
      this.#responseBlock = encodeFields(fields)
      this.#responseFields = fields
    }
    this.#headers(streamId, flags.endHeaders, this.#responseBlock)
  }

  /** Writes the HEADERS that end a stream. */
  trailers(streamId: number, block: Buffer): void {
    this.#headers(streamId, flags.endHeaders | flags.endStream, block)
  }

  /** Allows the peer to send this many bytes more, on a stream or (id 0) on the connection. */
  windowUpdate(streamId: number, bytes: number): void {
    this.#output.frame({ type: frameTypes.windowUpdate, flags: flags.none, streamId, payload: u32(bytes) })
  }

  /** Writes RST_STREAM. */
  reset(streamId: number, code: number): void {
    this.#output.frame({ type: frameTypes.rstStream, flags: flags.none, streamId, payload: u32(code) })
  }

  /** Writes SETTINGS. */
  settings(pairs: readonly (readonly [id: number, value: number])[]): void {
    this.#connectionFrame(frameTypes.settings, flags.none, settingsPayload(pairs))
  }

  /** Acknowledges the peer's SETTINGS. */
  settingsAck(): void {
    this.#connectionFrame(frameTypes.settings, flags.ack, empty)
  }

  /** Writes PING with 8 bytes, which the peer returns. */
  ping(payload: Buffer): void {
    this.#connectionFrame(frameTypes.ping, flags.none, payload)
  }

  /** Answers the peer's PING. */
  pingAck(payload: Buffer): void {
    this.#connectionFrame(frameTypes.ping, flags.ack, payload)
  }

  /** Writes GOAWAY: streams above the id were not processed. */
  goaway(lastStreamId: number, { code, message }: { code: number; message: string }): void {
    const payload = Buffer.concat([u32(lastStreamId, code), Buffer.from(message)])
    this.#connectionFrame(frameTypes.goaway, flags.none, payload)
  }

  /** Writes everything gathered so far to the socket. */
  flush(): void {
    this.#output.flush()
  }

  /** Frees output memory that holds nothing unsent. */
  releaseBuffers(): void {
    this.#output.releaseBuffers()
  }

  #headers(streamId: number, set: number, block: Buffer): void {
    this.#output.frame({ type: frameTypes.headers, flags: set, streamId, payload: block })
  }

  #connectionFrame(type: number, set: number, payload: Buffer): void {
    this.#output.frame({ type, flags: set, streamId: 0, payload })
  }

  #pumpWaiting(): void {
    // A stream that still finds no room adds itself again; then there is no room left, which ends the loop.
    for (const stream of this.#waiting) {
      if (this.room <= 0) return
      this.#waiting.delete(stream)
      stream.pump()
    }
  }
}
