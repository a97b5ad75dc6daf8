import { expect } from 'chai'
import type { Logger } from '../../../src/core/log/log.js'
import { FrontendServiceService } from '../../../src/gen/encserver/v1/frontend.js'
import { releaseAll, retrieve, serveFake } from '../fake-frontend.js'
import { call, headers, request } from './wire-calls.js'
import { pause, WireClient } from './wire-client.js'
import {
  data,
  flags,
  frame,
  initialWindow,
  ping,
  preface,
  priority,
  reset,
  settings,
  types,
  windowUpdate,
} from './wire-frames.js'

const { uploadRecord, downloadRecord } = FrontendServiceService
const connections = 400
const framesEach = 60

/** Numbers from 0 to 1 that are the same in every run (Park and Miller). */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

function pick<T>(next: () => number, from: readonly T[]): T {
  return from[Math.floor(next() * from.length)]!
}

/** Frames that are right by themselves, mostly on streams that have begun. */
function anyFrames(next: () => number): Buffer[] {
  let last = 1
  const opened = () => (last += 2)
  const id = () =>
    next() < 0.002 ? Math.floor(next() * 20) : last - 2 * Math.floor(next() ** 2 * Math.min(8, last / 2))
  const ends = () => pick(next, [flags.none, flags.none, flags.none, flags.endStream])
  const kinds = [
    () => call(opened(), { callerAad: Buffer.alloc(Math.floor(next() * 9_000)) }),
    () => call(opened(), { userId: 'nobody' }),
    () => headers(opened()),
    () => headers(opened(), { 'content-length': String(Math.floor(next() * 50)) }),
    () => headers(opened(), { ':path': pick(next, ['/', uploadRecord.path, downloadRecord.path]) }),
    () => data([id(), ends()], request()),
    () => data([id(), ends()], Buffer.alloc(Math.floor(next() * 100))),
    () => data([id(), ends() | flags.padded], Buffer.alloc(100, Math.floor(next() * 101))),
    () => reset(id()),
    () => windowUpdate(pick(next, [0, id(), id()]), pick(next, [1, 1_000, 70_000])),
    () => windowUpdate(id(), pick(next, [0, 2 ** 31 - 1])),
    () => settings([[initialWindow, pick(next, [0, 1, 65_535, 100_000])]]),
    () => ping(pick(next, [flags.none, flags.ack])),
    () => priority(id()),
    () => frame(10 + Math.floor(next() * 246), [id(), Math.floor(next() * 256)], Buffer.alloc(Math.floor(next() * 20))),
  ]
  return [headers(1), ...Array.from({ length: framesEach }, () => pick(next, kinds)())]
}

/** Now and then a bit is another, a byte is missing, or there is one more. */
function damaged(next: () => number, bytes: Buffer): Buffer {
  const chance = next()
  const at = Math.floor(next() * bytes.length)
  if (chance < 0.002) bytes.writeUInt8(bytes[at]! ^ (1 << Math.floor(next() * 8)), at)
  if (chance > 0.9992) return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])
  if (chance > 0.9984) return Buffer.concat([bytes.subarray(0, at), Buffer.from([7]), bytes.subarray(at)])
  return bytes
}

/** Cut anywhere. */
async function sendInPieces(wire: WireClient, next: () => number, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + Math.floor(next() ** 4 * bytes.length)
    wire.send(bytes.subarray(at, end))
    at = end
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('http2: what makes no sense', () => {
  afterEach(releaseAll)

  it('finds no bug, and holds nobody up', async () => {
    const bugs: unknown[] = []
    const keep = (...line: unknown[]) => void bugs.push(line)
    const log = { log: (level: string, ...line: unknown[]) => level === 'error' && keep(line), error: keep }
    const { address } = await serveFake({ log: log as unknown as Logger, limits: { drainMs: 50 } })
    let answers = 0
    for (let seed = 1; seed <= connections; seed += 1) {
      const next = numbers(seed * 7_919)
      const wire = new WireClient(address)
      const frames = anyFrames(next).map((bytes) => damaged(next, bytes))
      await sendInPieces(wire, next, Buffer.concat([preface, settings(), ...frames]))
      if (seed % 20 === 0) expect((await retrieve(address)).data).to.have.length(0)
      expect(bugs, `seed ${seed}`).to.eql([])
      await pause(2)
      answers += wire.received.filter(({ type }) => type === types.headers).length
      wire.socket.destroy()
    }
    await pause(50)
    expect(bugs).to.eql([])
    expect(answers).to.be.above(500) // else it was refused before it came to anything
  })
})
