import { type ClientHttp2Stream, connect } from 'node:http2'
import { status } from '@grpc/grpc-js'
import { expect } from 'chai'
import { UnsentBudget, type UnsentCall } from '../../../src/core/server/unsent-budget.js'
import { FrontendServiceService, RetrieveRecordRequest } from '../../../src/gen/encserver/v1/frontend.js'
import {
  type Answer,
  atEnd,
  gate,
  rawClient,
  releaseAll,
  retrieval,
  retrieve,
  serveFake,
  until,
} from '../fake-frontend.js'

const MiB = 1024 * 1024

describe('unsent budget', () => {
  function budget(maxBytes: number) {
    const resets: string[] = []
    const made = new UnsentBudget(() => undefined, maxBytes)
    const call = (name: string) => {
      let bytes = 0
      const unsent = {
        abort() {
          resets.push(name)
          set(0)
        },
      }
      const set = (now: number) => {
        const before = bytes
        bytes = now
        made.change(unsent satisfies UnsentCall, before, now)
      }
      return set
    }
    return { call, resets }
  }

  it('resets the call that has waited longest without progress, and no more calls than it must', () => {
    const { call, resets } = budget(100_000)
    const [a, b, c] = [call('a'), call('b'), call('c')]
    a(40_000)
    b(40_000)
    a(30_000) // progress: now b has waited longest
    c(30_000)
    expect(resets).to.deep.equal([])
    c(60_000)
    expect(resets).to.deep.equal(['b'])
  })

  it('does not count a few bytes as progress', () => {
    const { call, resets } = budget(100_000)
    const [a, b, c] = [call('a'), call('b'), call('c')]
    a(40_000)
    b(40_000)
    for (let left = 40_000; left > 36_000; left -= 100) a(left)
    c(30_000)
    expect(resets).to.deep.equal(['a'])
  })

  it('forgets calls whose bytes were sent', () => {
    const { call, resets } = budget(100_000)
    const [a, b] = [call('a'), call('b')]
    a(90_000)
    a(0)
    b(90_000)
    expect(resets).to.deep.equal([])
  })
})

describe('answers that their callers do not read', () => {
  afterEach(releaseAll)

  const data = Buffer.alloc(3 * MiB, 'x')
  const { path } = FrontendServiceService.retrieveRecord

  /** A connection that allows the server to send header fields only. */
  function windowless(address: string) {
    const session = connect(`http://${address}`, { settings: { initialWindowSize: 0 } })
    session.on('error', () => undefined)
    atEnd(() => session.destroy())
    const message = RetrieveRecordRequest.encode(retrieval()).finish()
    const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message])
    const headers = { ':method': 'POST', ':path': path, te: 'trailers', 'content-type': 'application/grpc' }
    return (): ClientHttp2Stream => {
      const stream = session.request(headers)
      stream.on('error', () => undefined)
      stream.end(frame)
      return stream
    }
  }

  it('keep the place of their calls until these are stalled and others come', async () => {
    const limits = { maxCallsInFlight: 4 }
    const { address } = await serveFake({
      limits,
      methods: { retrieveRecord: async () => ({ data, record: undefined }) },
    })
    const ask = windowless(address)
    const held = Array.from({ length: 4 }, ask)
    let answered = 0
    let closed = 0
    for (const stream of held) {
      stream.on('response', () => (answered += 1))
      stream.on('close', () => (closed += 1))
    }
    await until(() => answered === 4)
    const raw = rawClient(address, { 'grpc.max_receive_message_length': -1 })
    const { error } = await raw()
    expect(error?.code).to.equal(status.RESOURCE_EXHAUSTED)
    let served: Answer
    do served = await raw()
    while (served.error)
    expect(served.response?.data.length).to.equal(3 * MiB)
    await until(() => closed === 1)
  })

  it('are reset when they take more than 384 MiB, the longest waiting first', async () => {
    const limits = { maxCallsInFlight: 400 }
    const { address, events } = await serveFake({
      limits,
      methods: {
        retrieveRecord: async ({ userId }) => ({ data: userId === 'small' ? Buffer.of(1) : data, record: undefined }),
      },
    })
    const ask = windowless(address)
    const closed: number[] = []
    const answered = gate()
    let left = 144
    for (let at = 0; at < 144; at += 1) {
      const stream = ask()
      stream.on('close', () => closed.push(at))
      stream.on('response', () => {
        left -= 1
        if (left === 0) answered.open()
      })
      await new Promise((resolve) => stream.once('response', resolve))
    }
    await answered.opened
    await until(() => closed.length >= 144 - 128)
    expect(closed).to.deep.equal(Array.from({ length: closed.length }, (_, at) => at))
    expect(closed.length).to.be.within(16, 17)
    expect((await retrieve(address)).data.length).to.equal(3 * MiB) // somebody who reads is served
    expect(events.filter(({ message }) => message === 'unread answer')).to.have.length.within(1, 17)
  })
})
