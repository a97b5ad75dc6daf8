import { getEventListeners } from 'node:events'
import { expect } from 'chai'
import { newCall } from '../../../src/core/client/client.js'
import { VaultError } from '../../../src/core/errors.js'
import type { CallContext } from '../../../src/core/methods.js'
import { failure, gate, releaseAll, until } from '../fake-frontend.js'
import { aborted, collect, listed, type Streams, serveStreams, settled, streamsOf } from '../fake-streams.js'

const KiB = 1024
const words = (...all: string[]) => all.map((word) => Buffer.from(word))

/** A server whose method waits for its caller to go. */
async function waitingServer() {
  const calls: CallContext[] = []
  const gather: Streams['gather'] = async (_, call) => {
    calls.push(call)
    await aborted(call)
    throw call.signal.reason
  }
  return { ...(await serveStreams({ gather })), calls }
}

/** A source that says whether it was let go. */
function source(size = 4 * KiB) {
  const state = { sent: 0, released: false }
  async function* requests() {
    try {
      for (; ; state.sent += 1) yield Buffer.alloc(size)
    } finally {
      state.released = true
    }
  }
  return { state, requests: requests() }
}

describe('client upload', () => {
  afterEach(releaseAll)

  it('sends its deadline and its request id', async () => {
    const { address, calls } = await waitingServer()
    const leaving = new AbortController()
    const call = newCall({ timeoutMs: 20_000, requestId: 'mine', signal: leaving.signal })
    const ended = failure(streamsOf(address).methods.gather(listed([]), call))
    await until(() => calls.length === 1)
    expect(calls[0]).to.include({ requestId: 'mine' })
    expect(calls[0]!.deadline).to.be.within(call.deadline - 50, call.deadline + 20_000)
    leaving.abort()
    await ended
  })

  it('does not begin after an abort, nor read its source', async () => {
    const { address, calls } = await waitingServer()
    const { state, requests } = source()
    const gone = AbortSignal.abort(new VaultError('DEADLINE_EXCEEDED'))
    const refused = await failure(streamsOf(address).methods.gather(requests, newCall({ signal: gone })))
    expect(refused).to.include({ reason: 'DEADLINE_EXCEEDED' })
    expect({ calls, sent: state.sent }).to.deep.equal({ calls: [], sent: 0 })
  })

  it('rejects an aborted caller with its own reason, and closes the source', async () => {
    const { address, calls, idle } = await waitingServer()
    const { state, requests } = source()
    const leaving = new AbortController()
    const ended = failure(streamsOf(address).methods.gather(requests, newCall({ signal: leaving.signal })))
    await until(() => calls.length === 1)
    leaving.abort('enough')
    expect(await ended).to.include({ reason: 'CANCELLED', cause: 'enough' })
    await until(() => state.released)
    await idle()
  })

  it('ends at its deadline', async () => {
    const { address, idle } = await waitingServer()
    const call = newCall({ timeoutMs: 150 })
    expect(await failure(streamsOf(address).methods.gather(source().requests, call))).to.include({
      reason: 'DEADLINE_EXCEEDED',
    })
    await idle()
  })

  it('ends when the client is closed', async () => {
    const { address, calls } = await waitingServer()
    const connection = streamsOf(address)
    const ended = failure(connection.methods.gather(source().requests, newCall()))
    await until(() => calls.length === 1)
    connection.close()
    expect(await ended).to.include({ reason: 'CANCELLED', message: 'this client is closed' })
  })

  it('rejects with UNREACHABLE when the server is killed, and is not retried', async () => {
    const { address, calls, cut } = await waitingServer()
    const ended = failure(streamsOf(address).methods.gather(source().requests, newCall()))
    await until(() => calls.length === 1)
    cut()
    expect(await ended).to.include({ reason: 'UNREACHABLE' })
    expect(calls).to.have.length(1)
  })

  it('rejects with OUTCOME_UNKNOWN when the server is killed after the last request, and is not retried', async () => {
    let whole = 0
    const { address, cut } = await serveStreams({
      async gather(requests, call) {
        await collect(requests)
        whole += 1
        await aborted(call)
        throw call.signal.reason
      },
    })
    const call = newCall({ requestId: 'mine' })
    const ended = failure(streamsOf(address).methods.gather(listed(words('a', 'b')), call))
    await until(() => whole === 1)
    cut()
    const error = await ended
    expect(error).to.include({ reason: 'OUTCOME_UNKNOWN', requestId: 'mine' })
    expect(error).property('message').to.contain('read it, or upload again')
    expect(whole).to.equal(1)
  })

  it('rejects with UNREACHABLE without a server, even after the last request', async () => {
    const { address, cut } = await serveStreams({})
    cut()
    const refused = await failure(streamsOf(address).methods.gather(listed(words('a')), newCall({ timeoutMs: 5_000 })))
    expect(refused).to.include({ reason: 'UNREACHABLE' })
  })

  it('ends at an early error, and does not read its source further', async () => {
    const { address, idle } = await serveStreams({
      gather: () => Promise.reject(new VaultError('OVERLOADED', { retryAfterMs: 250 })),
    })
    const { state, requests } = source()
    const refused = await failure(streamsOf(address).methods.gather(requests, newCall()))
    expect(refused).to.include({ reason: 'OVERLOADED', retryAfterMs: 250 })
    await until(() => state.released)
    const { sent } = state
    await idle()
    expect(state.sent).to.equal(sent)
  })

  it('is cancelled when its source throws, and rejects with that error', async () => {
    const failures = [
      new Error('the file is gone'),
      new DOMException('gone', 'AbortError'), // with a number for a code, as gRPC's errors have
      new VaultError('RECORD_NOT_FOUND'),
    ]
    for (const thrown of failures) {
      const calls: CallContext[] = []
      const { address, idle } = await serveStreams({
        async gather(requests, call) {
          calls.push(call)
          return Buffer.concat(await collect(requests))
        },
      })
      async function* requests() {
        yield* words('a')
        await until(() => calls.length === 1)
        throw thrown
      }
      expect(await failure(streamsOf(address).methods.gather(requests(), newCall()))).to.equal(thrown)
      await idle()
      expect(calls[0]!.signal.reason).to.include({ reason: 'CANCELLED' })
    }
  })

  it('holds its source back while the server reads nothing', async () => {
    const { opened, open } = gate()
    const { address } = await serveStreams({
      async gather(requests) {
        await opened
        let bytes = 0
        for await (const request of requests) bytes += request.length
        return Buffer.from(String(bytes))
      },
    })
    let sent = 0
    async function* requests() {
      for (; sent < 300; sent += 1) yield Buffer.alloc(64 * KiB)
    }
    const answer = streamsOf(address).methods.gather(requests(), newCall())
    await until(() => sent > 0)
    expect(await settled(() => sent)).to.be.below(60)
    open()
    expect((await answer).toString()).to.equal(String(300 * 64 * KiB))
  })

  it('leaves no listener on a signal that many calls share', async () => {
    const { address } = await serveStreams({ gather: async (requests) => Buffer.concat(await collect(requests)) })
    const { signal } = new AbortController()
    const { methods } = streamsOf(address)
    for (let made = 0; made < 5; made += 1) await methods.gather(listed(words('a')), newCall({ signal }))
    expect(getEventListeners(signal, 'abort')).to.deep.equal([])
  })
})
