// An HTTP/2 client that sends the bytes of a test, valid or not, and keeps every frame it receives.
import { connect, type Socket } from 'node:net'
import { HpackDecoder } from '../../../src/core/http2/hpack/decoder.js'
import { atEnd } from '../fake-frontend.js'
import { type Fields, flags, frame, preface, settings, types } from './wire-frames.js'

export interface Received {
  type: number
  flags: number
  streamId: number
  payload: Buffer
  /** The fields of HEADERS. */
  fields: Fields
}

const patienceMs = 60_000
/** A server that reads nothing for this many turns of the shared event loop has stopped reading. */
const stuckTurns = 100
const headSize = 9
const typeNames = Object.keys(types)

export class WireClient {
  readonly received: Received[] = []
  /** True if the client acknowledges the server's SETTINGS and PING. */
  acknowledges = true
  readonly socket: Socket
  readonly #decoder = new HpackDecoder({ maxListBytes: 1024 * 1024 })
  #unread = Buffer.alloc(0)
  readonly #gone: Promise<void>

  /** Connects, and sends nothing yet. */
  constructor(address: string) {
    this.socket = connect(Number(address.split(':')[1]), '127.0.0.1')
    this.socket.setNoDelay(true)
    this.socket.on('error', () => undefined) // 'close' follows
    this.#gone = new Promise((resolve) => this.socket.once('close', () => resolve()))
    this.socket.on('data', (chunk) => this.#read(chunk))
    atEnd(() => this.socket.destroy())
  }

  /** Sends the preface and SETTINGS, and waits for the server's SETTINGS. */
  async greet(pairs: Parameters<typeof settings>[0] = []): Promise<this> {
    this.send(preface, settings(pairs))
    await this.next('the settings of the server', ({ type }) => type === types.settings)
    return this
  }

  send(...bytes: Buffer[]): void {
    if (this.socket.writable) this.socket.write(Buffer.concat(bytes))
  }

  /** Sends the bytes repeatedly, as fast as the server reads; returns whether it read them all. */
  async flood(bytes: Buffer, times: number): Promise<boolean> {
    for (let sent = 0; sent < times && this.socket.writable; sent += 1) {
      if (!this.socket.write(bytes)) await Promise.race([this.#drained(), this.#gone, turns(stuckTurns)])
      await new Promise((resolve) => setImmediate(resolve)) // a turn of the server may have taken as long
      if (this.socket.writableNeedDrain) return false
    }
    return this.socket.writable
  }

  /** The first frame that fits, received already or later. */
  async next(what: string, fits: (received: Received) => boolean): Promise<Received> {
    const until = Date.now() + patienceMs
    for (;;) {
      const found = this.received.find(fits)
      if (found !== undefined) return found
      if (this.socket.destroyed || Date.now() > until) throw new Error(`${what} did not come, but: ${this}`)
      await pause(2)
    }
  }

  /** The code with which the server ends the connection, which it then closes. */
  async goaway(): Promise<number> {
    const { payload } = await this.next('GOAWAY', ({ type }) => type === types.goaway)
    await this.closed()
    return payload.readUInt32BE(4)
  }

  /** The code with which the server ends a stream. */
  async reset(streamId: number): Promise<number> {
    const isReset = (each: Received) => each.type === types.rstStream && each.streamId === streamId
    return (await this.next(`RST_STREAM of ${streamId}`, isReset)).payload.readUInt32BE(0)
  }

  /** The answer of a stream: all its fields, and its content. */
  async answer(streamId: number): Promise<{ fields: Fields; content: Buffer }> {
    const mine = ({ type, streamId: id }: Received) =>
      id === streamId && (type === types.data || type === types.headers)
    await this.next(`the end of ${streamId}`, (each) => mine(each) && (each.flags & flags.endStream) !== 0)
    const frames = this.received.filter(mine)
    const content = Buffer.concat(frames.filter(({ type }) => type === types.data).map(({ payload }) => payload))
    return { fields: Object.assign({}, ...frames.map(({ fields }) => fields)), content }
  }

  /** How many bytes of content a stream has got. */
  contentSize(streamId: number): number {
    const mine = this.received.filter(({ type, streamId: id }) => type === types.data && id === streamId)
    return mine.reduce((sum, { payload }) => sum + payload.length, 0)
  }

  async closed(): Promise<void> {
    await Promise.race([this.#gone, pause(patienceMs)])
    if (!this.socket.closed) throw new Error(`the connection stays open: ${this}`)
  }

  toString(): string {
    const shown = this.received.slice(-20).map(({ type, streamId, payload }) => {
      return `${typeNames[type] ?? type} on ${streamId} ${payload.subarray(0, 16).toString('hex')}`
    })
    return `[${shown.join(', ')}]${this.socket.destroyed ? ', closed' : ''}`
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => this.socket.once('drain', resolve))
  }

  #read(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk])
    while (this.#unread.length >= headSize) {
      const end = headSize + this.#unread.readUIntBE(0, 3)
      if (this.#unread.length < end) return
      this.#take(this.#unread.subarray(0, headSize), this.#unread.subarray(headSize, end))
      this.#unread = this.#unread.subarray(end)
    }
  }

  #take(head: Buffer, payload: Buffer): void {
    const [type, set, streamId] = [head[3]!, head[4]!, head.readUInt32BE(5)]
    const fields = type === types.headers ? this.#fieldsOf(payload) : {}
    this.received.push({ type, flags: set, streamId, payload, fields })
    const asks = set === flags.none && (type === types.settings || type === types.ping)
    if (asks && this.acknowledges) this.send(frame(type, [0, flags.ack], type === types.ping ? payload : undefined))
  }

  #fieldsOf(payload: Buffer): Fields {
    const list = this.#decoder.decode(payload) ?? []
    return Object.fromEntries(list.flatMap((name, at) => (at % 2 === 0 ? [[name, list[at + 1]!]] : [])))
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await pause(5)
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
