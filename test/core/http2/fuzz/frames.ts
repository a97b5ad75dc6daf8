// Generates what a fuzzed connection receives: valid frames, mostly on streams that are open, with some damage.
import { FrontendServiceService } from '../../../../src/gen/encserver/v1/frontend.js'
import { call, fieldsOf, headers, request } from '../wire-calls.js'
import {
  block,
  data,
  flags,
  frame,
  headerFrames,
  initialWindow,
  ping,
  preface,
  priority,
  reset,
  settings,
  types,
  windowUpdate,
} from '../wire-frames.js'
import { below, bytes, pick, type Random } from './random.js'

const { uploadRecord, downloadRecord } = FrontendServiceService
const usual = block(fieldsOf())

/** Streams of a client: ids are opened in turn, and most frames are for one of the last. */
function streamIds(next: Random) {
  let last = 1
  return {
    opened: () => (last += 2),
    any: () => (next() < 0.002 ? below(next, 20) : last - 2 * Math.floor(next() ** 2 * Math.min(8, last / 2))),
  }
}

type Ids = ReturnType<typeof streamIds>
type Kind = () => Buffer

/** Frames that a client may send. */
function validKinds(next: Random, { opened, any }: Ids): Kind[] {
  const end = () => pick(next, [flags.none, flags.none, flags.none, flags.endStream])
  return [
    () => call(opened(), { callerAad: Buffer.alloc(below(next, 9_000)) }),
    () => call(opened(), { userId: 'nobody' }),
    () => headers(opened()),
    () => headers(opened(), { 'content-length': String(below(next, 50)) }),
    () => headers(opened(), { ':path': pick(next, ['/', uploadRecord.path, downloadRecord.path]) }),
    () => data([any(), end()], request()),
    () => data([any(), end()], Buffer.alloc(below(next, 100))),
    () => data([any(), end() | flags.padded], Buffer.alloc(100, below(next, 101))),
    () => reset(any()),
    () => windowUpdate(pick(next, [0, any(), any()]), pick(next, [1, 1_000, 70_000])),
    () => windowUpdate(any(), pick(next, [0, 2 ** 31 - 1])),
    () => settings([[initialWindow, pick(next, [0, 1, 65_535, 100_000])]]),
    () => ping(pick(next, [flags.none, flags.ack])),
    () => priority(any()),
    () => frame(10 + below(next, 246), [any(), below(next, 256)], Buffer.alloc(below(next, 20))),
  ]
}

/** Frames that most often end the connection. */
function hostileKinds(next: Random, { opened, any }: Ids): Kind[] {
  return [
    () => headerFrames([opened(), flags.endStream], Buffer.concat([usual, bytes(next, 200)])),
    () => headerFrames([opened()], bytes(next, 200)),
    () => headerFrames([opened()], Buffer.concat([usual, Buffer.alloc(below(next, 40_000), 0x82)])),
    () => frame(types.headers, [opened(), below(next, 256)], bytes(next, 60)),
    () => frame(types.continuation, [any(), below(next, 256)], bytes(next, 60)),
    () => frame(below(next, 11), [any(), below(next, 256)], bytes(next, 40)),
    () => settings(Array.from({ length: below(next, 5) }, () => [below(next, 8), below(next, 2 ** 32)] as const)),
    () => bytes(next, 60),
  ]
}

/** Now and then a bit is flipped, a byte is missing, or a byte is added. */
function damaged(next: Random, frame: Buffer): Buffer {
  const chance = next()
  const at = below(next, frame.length)
  if (chance < 0.002) frame.writeUInt8(frame[at]! ^ (1 << below(next, 8)), at)
  if (chance > 0.9992) return Buffer.concat([frame.subarray(0, at), frame.subarray(at + 1)])
  if (chance > 0.9984) return Buffer.concat([frame.subarray(0, at), Buffer.from([7]), frame.subarray(at)])
  return frame
}

/** What a client sends on a connection, frame by frame; `hostility` is the share of frames that are not valid. */
export function connectionFrames(next: Random, count: number, hostility: number): Buffer[] {
  const ids = streamIds(next)
  const [valid, hostile] = [validKinds(next, ids), hostileKinds(next, ids)]
  const any = () => damaged(next, pick(next, next() < hostility ? hostile : valid)())
  return [preface, settings(), headers(1), ...Array.from({ length: count }, any)]
}

/** The bytes in pieces of random sizes, most of them small. */
export function* cut(next: Random, bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + Math.floor(next() ** 4 * bytes.length)
    yield bytes.subarray(at, end)
    at = end
  }
}
