import { expect } from 'chai'
import { newCall } from '../../src/core/client/client.js'
import { gate, releaseAll, until } from './fake-frontend.js'
import { collect, rawWatch, serveStreams, settled, streamsOf } from './fake-streams.js'

const KiB = 1024

describe('stream handler', () => {
  afterEach(releaseAll)

  describe('back-pressure', () => {
    for (const [size, most] of [
      [16 * KiB, 60],
      [1024 * KiB, 19], // the caller's own gRPC takes 16 before it is read
    ] as const) {
      it(`a caller that does not read holds back responses of ${size / KiB} KiB`, async () => {
        let made = 0
        const { address } = await serveStreams({
          async *watch() {
            for (; made < 100; made += 1) yield Buffer.alloc(size)
          },
        })
        const call = rawWatch(address)
        call.read(0)
        await until(() => made > 0)
        expect(await settled(() => made)).to.be.within(1, most)
        expect(await collect(call)).to.have.length(100)
      })
    }

    it('also with empty responses', async () => {
      let made = 0
      const { address } = await serveStreams({
        async *watch() {
          for (; made < 50_000; made += 1) yield Buffer.alloc(0)
        },
      })
      rawWatch(address).read(0)
      await until(() => made > 0)
      expect(await settled(() => made)).to.be.below(50_000)
    })

    it('a method that does not read holds its caller back', async () => {
      const { opened, open } = gate()
      const { address } = await serveStreams({
        async *talk(requests) {
          await opened
          yield* requests
        },
      })
      let sent = 0
      async function* requests() {
        for (; sent < 500; sent += 1) yield Buffer.alloc(16 * KiB)
      }
      const answers = collect(streamsOf(address).methods.talk(requests(), newCall()))
      await until(() => sent > 0)
      expect(await settled(() => sent)).to.be.below(100)
      open()
      expect(await answers).to.have.length(500)
    })

    it('a caller that reads slowly is not idle', async () => {
      const { address } = await serveStreams(
        {
          async *watch() {
            for (let made = 0; made < 40; made += 1) yield Buffer.alloc(256 * KiB)
          },
        },
        { streamIdleMs: 1_000 },
      )
      let read = 0
      for await (const _ of rawWatch(address)) {
        read += 1
        await new Promise((resolve) => setTimeout(resolve, 40)) // 1.6 s in all
      }
      expect(read).to.equal(40)
    })
  })
})
