// What a connection says: every frame it sends is written here. Streams that find no room wait, and are told.
import type { Writable } from 'node:stream'
import { Output } from './output.js'
import { settingsPayload, u32 } from './payloads.js'
import { PeerSettings } from './peer-settings.js'
import { ConnectionError, defaultWindow, errorCodes, flags, frameTypes, largestWindow } from './protocol.js'

const nothing = Buffer.alloc(0)

export interface HeadersFrame {
  streamId: number
  block: Buffer
  /** The stream ends with it. */
  end: boolean
}

interface Waiting {
  pump(): void
}

export class Sender {
  readonly peer = new PeerSettings()
  readonly #output: Output
  readonly #waiting = new Set<Waiting>()
  #window = defaultWindow

  /** `roomy` is told when there is room again. */
  constructor(socket: Writable, roomy: () => void) {
    const flushed = () => {
      if (this.isFull) return
      roomy()
      this.#pumpWaiting()
    }
    this.#output = new Output(socket, flushed)
    socket.on('drain', flushed)
  }

  /** The peer does not take what it is sent. */
  get isFull(): boolean {
    return this.#output.isFull
  }

  /** How much DATA of one stream can be sent now. */
  get room(): number {
    return this.#output.isFull ? 0 : Math.min(this.#window, this.peer.maxFrameSize)
  }

  /** Whoever is given is pumped when there is room again. */
  wait(stream: Waiting): void {
    this.#waiting.add(stream)
  }

  stopWaiting(stream: Waiting): void {
    this.#waiting.delete(stream)
  }

  /** The peer takes so many bytes more. */
  grow(bytes: number): void {
    if (bytes === 0) throw new ConnectionError(errorCodes.protocolError, 'a window update of nothing')
    this.#window += bytes
    if (this.#window > largestWindow)
      throw new ConnectionError(errorCodes.flowControlError, 'a window beyond its bound')
    this.#pumpWaiting()
  }

  /** The head of DATA; `append` must add so many bytes. */
  data(streamId: number, size: number): void {
    this.#window -= size
    this.#output.head({ type: frameTypes.data, flags: flags.none, streamId, size })
  }

  append(bytes: Buffer): void {
    this.#output.append(bytes)
  }

  /** A block of fields, which must fit a frame. */
  headers({ streamId, block, end }: HeadersFrame): void {
    const set = flags.endHeaders | (end ? flags.endStream : flags.none)
    this.#output.frame({ type: frameTypes.headers, flags: set, streamId, payload: block })
  }

  windowUpdate(streamId: number, bytes: number): void {
    this.#output.frame({ type: frameTypes.windowUpdate, flags: flags.none, streamId, payload: u32(bytes) })
  }

  reset(streamId: number, code: number): void {
    this.#output.frame({ type: frameTypes.rstStream, flags: flags.none, streamId, payload: u32(code) })
  }

  settings(pairs: readonly (readonly [id: number, value: number])[]): void {
    this.#ofConnection(frameTypes.settings, settingsPayload(pairs))
  }

  acknowledgeSettings(): void {
    this.#output.frame({ type: frameTypes.settings, flags: flags.ack, streamId: 0, payload: nothing })
  }

  /** Eight bytes, which come back. */
  ping(payload: Buffer): void {
    this.#ofConnection(frameTypes.ping, payload)
  }

  answerPing(payload: Buffer): void {
    this.#output.frame({ type: frameTypes.ping, flags: flags.ack, streamId: 0, payload })
  }

  goaway(lastStreamId: number, { code, message }: { code: number; message: string }): void {
    this.#ofConnection(frameTypes.goaway, Buffer.concat([u32(lastStreamId, code), Buffer.from(message)]))
  }

  flush(): void {
    this.#output.flush()
  }

  /** Keeps nothing of what was sent. */
  letGo(): void {
    this.#output.letGo()
  }

  #ofConnection(type: number, payload: Buffer): void {
    this.#output.frame({ type, flags: flags.none, streamId: 0, payload })
  }

  #pumpWaiting(): void {
    // One that has found no room adds itself again, and ends this.
    for (const stream of this.#waiting) {
      if (this.room <= 0) return
      this.#waiting.delete(stream)
      stream.pump()
    }
  }
}
