// Fuzzes a connection in memory, without TCP and gRPC. Two properties hold for any input: what the server does is the same
// however the input is cut into pieces, and what it sends is valid HTTP/2.
import { Duplex } from 'node:stream'
import { Connection } from '../../../../src/core/http2/connection.js'
import { HpackDecoder } from '../../../../src/core/http2/hpack/decoder.js'
import { OpenPace } from '../../../../src/core/http2/open-pace.js'
import type { RequestHeaders, TransportStream } from '../../../../src/core/transport.js'
import { flags, types } from '../wire-frames.js'
import { connectionFrames, cut } from './frames.js'
import { random } from './random.js'

const framesEach = 60
const hostility = 0.01
const maxAnswer = 40_000
const frameHeadSize = 9
const maxFrameSize = 64 * 1024

/** What a server did with an input. */
interface Outcome {
  /** Requests, their bodies and ends, failures of the connection. */
  events: string[]
  output: Buffer
}

/** A socket that keeps what is written to it. */
class MemorySocket extends Duplex {
  readonly written: Buffer[] = []

  override _read(): void {}

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.written.push(Buffer.from(chunk))
    done()
  }

  setNoDelay(): void {}
}

/** Answers a request at its end with as many bytes as it has, at most some frames of them. */
function answer(events: string[]): (stream: TransportStream, headers: RequestHeaders) => void {
  return (stream, headers) => {
    const request = events.push(`request ${headers.get(':path')}`)
    let size = 0
    stream.observer = {
      onData(bytes) {
        size += bytes.length
        stream.extendWindow(bytes.length)
      },
      onEnd() {
        events.push(`${request} ended with ${size} bytes`)
        stream.sendHeaders([[':status', '200']])
        stream.send(Buffer.alloc(Math.min(maxAnswer, size * 7), 'x'))
        stream.finish([['grpc-status', '0']], true)
      },
      onDrain: () => undefined,
      onFinish: () => undefined,
      onAbort: () => events.push(`${request} aborted`),
    }
  }
}

/** Lets a connection read the pieces. Rejects for an internal error. */
async function receive(pieces: Iterable<Buffer>): Promise<Outcome> {
  const events: string[] = []
  const faults: unknown[] = []
  const socket = new MemorySocket()
  new Connection({
    pace: new OpenPace(),
    socket: socket as never,
    maxStreams: 20,
    callers: 'public',
    onRequest: answer(events),
    onInternalError: (fault) => faults.push(fault),
    onFailure: ({ code, message }) => events.push(`failure ${code} ${message}`),
    onClose: () => undefined,
  })
  for (const piece of pieces) socket.emit('data', piece)
  await new Promise((resolve) => setImmediate(resolve)) // output is flushed
  socket.destroy()
  await new Promise((resolve) => setImmediate(resolve)) // 'close' is emitted
  if (faults.length > 0) throw faults[0]
  return { events, output: Buffer.concat(socket.written) }
}

/** Throws unless the output is frames that a client can read. */
function checkOutput(output: Buffer): void {
  const decoder = new HpackDecoder({ maxListBytes: 1024 * 1024 })
  const ended = new Set<number>()
  for (let at = 0; at < output.length; ) {
    const [size, type, set, streamId] = [
      output.readUIntBE(at, 3),
      output[at + 3]!,
      output[at + 4]!,
      output.readUInt32BE(at + 5),
    ]
    const payload = output.subarray(at + frameHeadSize, at + frameHeadSize + size)
    const place = `a frame of type ${type} on stream ${streamId} at ${at}`
    if (payload.length < size || size > maxFrameSize) throw new Error(`${place} has ${payload.length} bytes of ${size}`)
    if (ended.has(streamId) && type !== types.rstStream) throw new Error(`${place} comes after the end`)
    if (type === types.headers && decoder.decode(payload) === undefined) throw new Error(`${place} is too large`)
    const hasEnd = (type === types.headers || type === types.data) && (set & flags.endStream) !== 0
    if (hasEnd || type === types.rstStream) ended.add(streamId) // a further frame of the peer gets another RST_STREAM
    at += frameHeadSize + size
  }
}

/** Fails with the first difference. */
function checkSame(whole: Outcome, pieces: Outcome): void {
  const at = whole.events.findIndex((event, index) => event !== pieces.events[index])
  if (at >= 0 || whole.events.length !== pieces.events.length)
    throw new Error(`cut into pieces: event ${at} is "${pieces.events[at]}" and not "${whole.events[at]}"`)
  if (!whole.output.equals(pieces.output)) throw new Error('cut into pieces: the output is another')
}

async function check(frames: Buffer[], seed: number): Promise<Outcome> {
  const input = Buffer.concat(frames)
  const whole = await receive([Buffer.from(input)])
  checkOutput(whole.output)
  checkSame(whole, await receive(cut(random(seed), input)))
  return whole
}

/** Leaves out frame after frame as long as the rest fails too. */
async function shrink(frames: Buffer[], seed: number): Promise<Buffer[]> {
  let smallest = frames
  for (let at = frames.length - 1; at >= 0; at -= 1) {
    const fewer = smallest.toSpliced(at, 1)
    await check(fewer, seed).catch(() => {
      smallest = fewer
    })
  }
  return smallest
}

/** Runs the connection of a seed; returns how many requests were answered. Rejects with the smallest failing input. */
export async function fuzzConnection(seed: number): Promise<number> {
  const frames = connectionFrames(random(seed), framesEach, hostility)
  try {
    const { events } = await check(frames, seed)
    return events.filter((event) => event.includes('ended')).length
  } catch (cause) {
    const input = Buffer.concat(await shrink(frames, seed)).toString('hex')
    throw new Error(`a connection of seed ${seed} fails: ${(cause as Error).message}\ninput: ${input}`, { cause })
  }
}
