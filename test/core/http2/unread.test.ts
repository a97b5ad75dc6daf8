import { expect } from 'chai'
import { releaseAll } from '../fake-frontend.js'
import { held, measuredVictim, type Victim } from './victim.js'
import { fieldsOf, headers, request, streamIds } from './wire-calls.js'
import type { WireClient } from './wire-client.js'
import { block, codes, data, flags, headerFrames, initialWindow, ping, settings, windowUpdate } from './wire-frames.js'

const MiB = 1024 * 1024
const atOnce = 8
const end = flags.endStream

/** The frames of one stream, repeated for new streams. */
type Frames = (id: number) => Buffer

// The client reads nothing. The server has to keep its replies, or to stop the client.
describe('http2: replies that are not read', () => {
  let server: Victim
  let before = 0

  beforeEach(async () => {
    ;({ server, before } = await measuredVictim())
  })

  afterEach(releaseAll)

  /** Endless new streams, a few at a time: streams above the limit would be refused, which is counted. */
  async function flood(wire: WireClient, frames: Frames, rounds: number): Promise<void> {
    wire.send(windowUpdate(0, 2 ** 31 - 1 - 65_535))
    wire.socket.pause()
    for (let round = 0; round < rounds; round += atOnce) {
      if (!(await wire.flood(Buffer.concat(streamIds(atOnce, 2 * round + 1).map(frames)), 1))) return
    }
  }

  async function expectBounded(wire: WireClient): Promise<void> {
    const kept = (await held()) - before
    await server.serves()
    wire.socket.destroy()
    expect(kept).to.be.below(2 * MiB)
  }

  for (const [name, bytes] of [
    ['PING, CVE-2019-9512 (ping flood),', ping()],
    ['SETTINGS, CVE-2019-9515 (settings flood),', settings()],
    ['SETTINGS with a window, CVE-2019-9515,', settings([[initialWindow, 70_000]])],
  ] as const) {
    it(`to ${name} end the connection`, async () => {
      const wire = await server.wire()
      wire.socket.pause()
      await wire.flood(Buffer.concat(Array(4_000).fill(bytes)), 1_000)
      await server.serves()
      expect((await held()) - before).to.be.below(4 * MiB)
      wire.socket.resume()
      await wire.closed()
    })
  }

  for (const [name, bytes] of [
    ['is all padding', data([1, flags.padded], Buffer.alloc(1))],
    ['comes byte by byte', data([1], Buffer.alloc(1))],
    ['goes on after the answer', data([3], Buffer.alloc(1))],
  ] as const) {
    it(`to DATA that ${name} are bounded`, async () => {
      const wire = await server.wire()
      wire.send(headers(1), headers(3, { ':path': '/' }))
      wire.socket.pause()
      await wire.flood(Buffer.concat(Array(4_000).fill(bytes)), 1_000)
      await expectBounded(wire)
    })
  }

  const message = request()
  const usual = block(fieldsOf())
  const unknown = block(fieldsOf({ ':path': '/' }))
  const floods: Record<string, [Frames, rounds: number]> = {
    'to calls of an unknown method': [(id) => headerFrames([id, end], unknown), 20_000],
    'to small calls': [(id) => Buffer.concat([headerFrames([id], usual), data([id, end], message)]), 40_000],
  }
  for (const [name, [frames, rounds]] of Object.entries(floods)) {
    it(`${name} are bounded`, async () => {
      const wire = await server.wire()
      await flood(wire, frames, rounds)
      await expectBounded(wire)
    })
  }

  it('CVE-2019-9515 (settings flood): SETTINGS that change the window end the connection though their replies are read', async () => {
    const wire = await server.wire()
    const back = [settings([[initialWindow, 1]]), settings([[initialWindow, 70_000]])]
    await wire.flood(Buffer.concat(Array(1_000).fill(back).flat()), 100)
    expect(await wire.goaway()).to.equal(codes.enhanceYourCalm)
  })
})
