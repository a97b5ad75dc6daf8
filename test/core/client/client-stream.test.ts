import { getEventListeners } from 'node:events'
import { expect } from 'chai'
import { newCall } from '../../../src/core/client/client.js'
import { VaultError } from '../../../src/core/errors.js'
import type { CallContext } from '../../../src/core/methods.js'
import { atEnd, failure, gate, releaseAll, until } from '../fake-frontend.js'
import { aborted, collect, listed, type Streams, serveStreams, settled, streamsOf } from '../fake-streams.js'

const KiB = 1024
const none = Buffer.alloc(0)
const text = (...words: string[]) => words.map((word) => Buffer.from(word))

/** A server whose method answers once and then waits for its caller to go. */
async function waitingServer() {
  const calls: CallContext[] = []
  const talk: Streams['talk'] = async function* (_, call) {
    calls.push(call)
    yield Buffer.from('first')
    await aborted(call)
  }
  const served = await serveStreams({ talk, watch: talk as unknown as Streams['watch'] })
  return { ...served, calls }
}

/** Takes the first answer and stays in the loop until `leave`. */
async function staysUntil(answers: AsyncIterable<Buffer>, leave: Promise<void>): Promise<void> {
  for await (const _ of answers) {
    await leave
    break
  }
}

async function* endless(size = 4 * KiB): AsyncGenerator<Buffer> {
  for (;;) yield Buffer.alloc(size)
}

describe('client stream', () => {
  afterEach(releaseAll)

  it('sends its deadline and its request id', async () => {
    const { address, calls } = await waitingServer()
    const call = newCall({ timeoutMs: 20_000, requestId: 'mine' })
    for await (const _ of streamsOf(address).methods.watch(none, call)) break
    expect(calls[0]).to.include({ requestId: 'mine' })
    expect(calls[0]!.deadline).to.be.within(call.deadline - 50, call.deadline + 20_000)
  })

  it('does not begin before it is read, nor after an abort', async () => {
    const { address, calls } = await waitingServer()
    const { methods } = streamsOf(address)
    methods.watch(none, newCall())
    const gone = AbortSignal.abort(new VaultError('DEADLINE_EXCEEDED'))
    let asked = false
    async function* requests() {
      asked = true
      yield none
    }
    const refused = await failure(collect(methods.talk(requests(), newCall({ signal: gone }))))
    expect(refused).to.include({ reason: 'DEADLINE_EXCEEDED' })
    expect({ asked, calls }).to.deep.equal({ asked: false, calls: [] })
  })

  for (const method of ['watch', 'talk'] as const) {
    describe(method, () => {
      const start = (address: string, call = newCall()) => {
        const { methods } = streamsOf(address)
        return method === 'watch' ? methods.watch(none, call) : methods.talk(endless(), call)
      }

      it('is cancelled when its caller leaves the loop', async () => {
        const { address, calls, idle } = await waitingServer()
        for await (const answer of start(address)) {
          expect(answer.toString()).to.equal('first')
          break
        }
        await idle()
        expect(calls[0]!.signal.reason).to.include({ reason: 'CANCELLED' })
      })

      it('is cancelled when its caller throws in the loop, and the error stays', async () => {
        const { address, idle } = await waitingServer()
        const mine = Object.assign(new Error('mine'), { code: 14 })
        const loop = async () => {
          for await (const _ of start(address)) throw mine
        }
        expect(await failure(loop())).to.equal(mine)
        await idle()
      })

      it('rejects an aborted caller with its own reason', async () => {
        const { address, calls, idle } = await waitingServer()
        const leaving = new AbortController()
        const ended = failure(collect(start(address, newCall({ signal: leaving.signal }))))
        await until(() => calls.length === 1)
        leaving.abort('enough')
        expect(await ended).to.include({ reason: 'CANCELLED', cause: 'enough' })
        await idle()
      })

      it('ends at its deadline', async () => {
        const { address, idle } = await waitingServer()
        const startedAt = Date.now()
        expect(await failure(collect(start(address, newCall({ timeoutMs: 150 }))))).to.include({
          reason: 'DEADLINE_EXCEEDED',
        })
        expect(Date.now() - startedAt).to.be.at.least(149)
        await idle()
      })

      it('ends when the client is closed, and does not begin afterwards', async () => {
        const { address, calls } = await waitingServer()
        const connection = streamsOf(address)
        const ended = failure(
          collect(connection.methods[method]((method === 'watch' ? none : endless()) as never, newCall())),
        )
        await until(() => calls.length === 1)
        connection.close()
        const closed = { reason: 'CANCELLED', message: 'this client is closed' }
        expect(await ended).to.include(closed)
        expect(await failure(collect(connection.methods.watch(none, newCall())))).to.include(closed)
      })

      it('rejects with UNREACHABLE when the server is killed', async () => {
        const { address, calls, cut } = await waitingServer()
        const ended = failure(collect(start(address)))
        await until(() => calls.length === 1)
        cut()
        expect(await ended).to.include({ reason: 'UNREACHABLE' })
      })

      it('leaves no listener on a signal that many calls share, whichever way they end', async () => {
        const { address, idle } = await waitingServer()
        const broken = await serveStreams({
          async *watch() {
            yield* []
            throw new VaultError('RECORD_NOT_FOUND')
          },
        })
        const { signal } = new AbortController()
        const { opened: left, open: leave } = gate()
        const staying = Array.from({ length: 15 }, () => staysUntil(start(address, newCall({ signal })), left))
        await until(() => getEventListeners(signal, 'abort').length === 15)
        leave()
        await Promise.all(staying)
        for (let at = 0; at < 5; at += 1) {
          await failure(collect(streamsOf(broken.address).methods.watch(none, newCall({ signal }))))
        }
        await idle()
        expect(getEventListeners(signal, 'abort')).to.deep.equal([])
      })
    })
  }

  it('yields the responses before an error, then throws the error with its details', async () => {
    const { address } = await serveStreams({
      async *watch() {
        yield* text('a', 'b')
        throw new VaultError('OVERLOADED', { retryAfterMs: 250 })
      },
    })
    const seen: string[] = []
    const loop = async () => {
      for await (const answer of streamsOf(address).methods.watch(none, newCall())) seen.push(answer.toString())
    }
    expect(await failure(loop())).to.include({ reason: 'OVERLOADED', retryAfterMs: 250 })
    expect(seen).to.deep.equal(['a', 'b'])
  })

  it('holds the server back while its caller reads slowly', async () => {
    let made = 0
    const { address } = await serveStreams({
      async *watch() {
        for (; made < 500; made += 1) yield Buffer.alloc(64 * KiB)
      },
    })
    const { opened, open } = gate()
    const reading = (async () => {
      let read = 0
      for await (const _ of streamsOf(address).methods.watch(none, newCall())) {
        await opened
        read += 1
      }
      return read
    })()
    await until(() => made > 0)
    expect(await settled(() => made)).to.be.below(60)
    open()
    expect(await reading).to.equal(500)
  })

  describe('the source of requests', () => {
    it('passes its error to the caller unchanged, and ends the call', async () => {
      const failures = [
        new Error('the file is gone'),
        new DOMException('gone', 'AbortError'), // with a number for a code, as gRPC's errors have
        new VaultError('RECORD_NOT_FOUND'),
      ]
      for (const thrown of failures) {
        const calls: CallContext[] = []
        const { address, idle } = await serveStreams({
          async *talk(requests, call) {
            calls.push(call)
            yield* requests
          },
        })
        async function* requests() {
          yield* text('a')
          throw thrown
        }
        expect(await failure(collect(streamsOf(address).methods.talk(requests(), newCall())))).to.equal(thrown)
        await idle()
        for (const { signal } of calls) expect(signal.reason).to.include({ reason: 'CANCELLED' })
      }
    })

    it('may fail while its caller handles a response', async () => {
      const { opened, open } = gate()
      const { address } = await serveStreams({
        async *talk(requests) {
          yield* requests
        },
      })
      async function* requests() {
        yield* text('a')
        await opened
        throw new Error('late')
      }
      const loop = async () => {
        for await (const _ of streamsOf(address).methods.talk(requests(), newCall())) {
          open()
          await new Promise((resolve) => setTimeout(resolve, 50))
        }
      }
      expect(await failure(loop()))
        .to.be.instanceOf(Error)
        .with.property('message', 'late')
    })

    it('is closed and not read further when the caller leaves while the server reads nothing', async () => {
      const { opened, open } = gate()
      atEnd(open)
      const { address } = await serveStreams({
        async *talk() {
          yield none
          await opened
        },
      })
      let sent = 0
      let ended = false
      async function* requests() {
        try {
          for (;;) {
            sent += 1
            yield Buffer.alloc(64 * KiB)
          }
        } finally {
          ended = true
        }
      }
      let before = 0
      for await (const _ of streamsOf(address).methods.talk(requests(), newCall())) {
        before = await settled(() => sent)
        break
      }
      await until(() => ended)
      expect(sent).to.equal(before)
    })

    it('is closed when the call ends while it has nothing to send', async () => {
      const { address } = await serveStreams({
        async *talk() {
          yield none
        },
      })
      let released = 0
      const requests: AsyncIterable<Buffer> = {
        [Symbol.asyncIterator]: () => ({
          next: () => new Promise(() => undefined),
          async return() {
            released += 1
            return { done: true, value: undefined }
          },
        }),
      }
      expect(await collect(streamsOf(address).methods.talk(requests, newCall()))).to.have.length(1)
      expect(released).to.equal(1)
    })

    it('may end long before the responses do', async () => {
      const { opened, open } = gate()
      const { address } = await serveStreams({
        async *talk(requests) {
          const all = await collect(requests)
          await opened
          yield* all
        },
      })
      const answers = collect(streamsOf(address).methods.talk(listed(text('a', 'b')), newCall()))
      setTimeout(open, 50)
      expect(await answers).to.deep.equal(text('a', 'b'))
    })
  })
})
