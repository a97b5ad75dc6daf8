import { expect } from 'chai'
import { newCall } from '../../src/core/client/client.js'
import { invalidField, VaultError } from '../../src/core/errors.js'
import type { CallContext } from '../../src/core/methods.js'
import { fromServiceError } from '../../src/core/status.js'
import { failure, gate, releaseAll, until } from './fake-frontend.js'
import {
  aborted,
  collect,
  listed,
  malformed,
  rawGather,
  type ServedStreams,
  type Streams,
  serveStreams,
  settled,
  streamsOf,
} from './fake-streams.js'

const KiB = 1024
const words = (...all: string[]) => all.map((word) => Buffer.from(word))
const joined: Streams['gather'] = async (requests) => Buffer.concat(await collect(requests))

/** A method that says when it began and ended. */
function observed(answer: Streams['gather']) {
  const seen = { calls: [] as CallContext[], ended: 0 }
  const method: Streams['gather'] = async (requests, call) => {
    seen.calls.push(call)
    try {
      return await answer(requests, call)
    } finally {
      seen.ended += 1
    }
  }
  return { seen, method }
}

async function lineOf({ events }: ServedStreams) {
  await until(() => events.length > 0)
  return events[0]!
}

describe('upload handler', () => {
  afterEach(releaseAll)

  it('answers many requests with one response, and logs one line with counts', async () => {
    const served = await serveStreams({ gather: joined })
    const call = newCall({ requestId: 'r1' })
    const answer = await streamsOf(served.address).methods.gather(listed(words('secret', ' words')), call)
    expect(answer.toString()).to.equal('secret words')
    const { ms, ...line } = await lineOf(served)
    expect(ms).to.be.a('number')
    expect(Object.fromEntries(Object.entries(line))).to.deep.equal({
      level: 'info',
      message: 'call',
      method: '/test.Streams/Gather',
      requestId: 'r1',
      requests: 2,
      requestBytes: 12,
      responses: 1,
      responseBytes: 12,
      status: 'OK',
    })
  })

  it('sends the request id in the trailers', async () => {
    const served = await serveStreams({ gather: joined })
    const { call } = rawGather(served.address)
    const trailer = new Promise<unknown>((resolve) => call.on('status', ({ metadata }) => resolve(metadata)))
    call.end()
    const line = await lineOf(served)
    expect(((await trailer) as { get(key: string): unknown }).get('x-request-id')).to.deep.equal([line['requestId']])
  })

  it('fails with our details before the last request, and ends the requests', async () => {
    let requestsEnded = false
    const served = await serveStreams({
      async gather(requests) {
        const reading = requests[Symbol.asyncIterator]()
        await reading.next()
        void reading
          .next()
          .then(
            () => undefined,
            () => undefined,
          )
          .finally(() => {
            requestsEnded = true
          })
        throw invalidField('header', 'must come first')
      },
    })
    const { call, ended } = rawGather(served.address)
    call.write(Buffer.from('a'))
    const { error } = await ended
    const refused = fromServiceError(error!)
    expect(refused).to.include({ reason: 'INVALID_REQUEST', message: 'header: must come first' })
    expect(refused.fields).to.deep.equal([{ field: 'header', description: 'must come first' }])
    await served.idle()
    await until(() => requestsEnded) // else each refused upload would leave something behind
    expect(await lineOf(served)).to.include({ level: 'info', status: 'INVALID_REQUEST', responses: 0 })
  })

  it('a malformed frame ends it with INVALID_REQUEST', async () => {
    const served = await serveStreams({ gather: joined })
    const { call, ended } = rawGather(served.address)
    for (const frame of [Buffer.from('good'), malformed]) call.write(frame)
    expect(fromServiceError((await ended).error!)).to.include({ reason: 'INVALID_REQUEST' })
    expect(await lineOf(served)).to.include({ status: 'INVALID_REQUEST', requests: 2 })
  })

  it('a bug is an internal error, whose cause is only logged', async () => {
    const served = await serveStreams({
      gather() {
        throw new TypeError('secret detail')
      },
    })
    const { error } = await rawGather(served.address).ended
    expect(error).to.include({ code: 13, details: 'internal error' })
    expect(await lineOf(served)).to.include({ level: 'error', status: 'INTERNAL' })
  })

  const waits: Record<string, Streams['gather']> = {
    'waits for something': async (_, call) => {
      await aborted(call)
      throw call.signal.reason
    },
    'waits for a request': joined,
  }
  for (const [what, answer] of Object.entries(waits)) {
    it(`a cancellation ends a method that ${what}, and frees its place`, async () => {
      const { seen, method } = observed(answer)
      const served = await serveStreams({ gather: method })
      const { call, ended } = rawGather(served.address)
      call.write(Buffer.from('a'))
      await until(() => seen.calls.length > 0)
      expect(seen.ended).to.equal(0)
      call.cancel()
      await ended
      await served.idle()
      expect(seen.ended).to.equal(1)
      expect(seen.calls[0]!.signal.reason).to.include({ reason: 'CANCELLED' })
      expect(await lineOf(served)).to.include({ level: 'info', status: 'CANCELLED' })
    })
  }

  it('a cancellation never looks like the end of the requests', async () => {
    let took = 0
    const served = await serveStreams({
      async gather(requests) {
        await collect(requests)
        took += 1
        return Buffer.alloc(0)
      },
    })
    for (let made = 0; made < 20; made += 1) {
      const { call, ended } = rawGather(served.address)
      call.write(Buffer.from('a'))
      setTimeout(() => call.cancel(), made)
      await ended
    }
    await served.idle()
    expect(took).to.equal(0)
  })

  it('gets a response at its deadline, and the method is aborted', async () => {
    const { seen, method } = observed(joined)
    const served = await serveStreams({ gather: method })
    const { ended } = rawGather(served.address, '150m')
    expect((await ended).error).to.include({ code: 4 })
    await served.idle()
    expect(seen.calls[0]!.signal.reason).to.include({ reason: 'DEADLINE_EXCEEDED' })
    expect(await lineOf(served)).to.include({ status: 'DEADLINE_EXCEEDED' })
  })

  it('ends with DEADLINE_EXCEEDED when nothing moves', async () => {
    const { seen, method } = observed(joined)
    const served = await serveStreams({ gather: method }, { streamIdleMs: 80 })
    const { call, ended } = rawGather(served.address)
    call.write(Buffer.from('a'))
    expect(fromServiceError((await ended).error!)).to.include({
      reason: 'DEADLINE_EXCEEDED',
      message: 'nothing moved on the stream for 0.08 s',
    })
    await served.idle()
    expect(seen.ended).to.equal(1)
  })

  it('is not idle while its method works, between requests or after the last', async () => {
    const slowly = () => new Promise((resolve) => setTimeout(resolve, 700))
    const gather: Streams['gather'] = async (requests) => {
      for await (const _ of requests) await slowly()
      await slowly()
      return Buffer.from('done')
    }
    const { address } = await serveStreams({ gather }, { streamIdleMs: 600 })
    expect((await streamsOf(address).methods.gather(listed(words('a', 'b')), newCall())).toString()).to.equal('done')
  })

  for (const [size, most] of [
    [3072 * KiB, 3], // the one that was taken, one ahead, and one on its way
    [512 * KiB, 5],
  ] as const) {
    it(`of messages of ${size / KiB} KiB is read ahead up to a number of bytes, not of messages`, async () => {
      const { opened, open } = gate()
      const gather: Streams['gather'] = async (requests) => {
        let bytes = 0
        for await (const request of requests) {
          bytes += request.length
          await opened
        }
        return Buffer.from(String(bytes))
      }
      const { address } = await serveStreams({ gather })
      const { call, ended } = rawGather(address)
      let sent = 0
      for (let made = 0; made < 20; made += 1) {
        call.write(Buffer.alloc(size), () => {
          sent += 1
        })
      }
      call.end()
      await until(() => sent >= 2)
      expect(await settled(() => sent)).to.be.at.most(most)
      open()
      expect((await ended).answer!.toString()).to.equal(String(20 * size))
    })
  }

  it('fails with OVERLOADED when no place is free', async () => {
    const { opened, open } = gate()
    const { seen, method } = observed(async () => {
      await opened
      return Buffer.alloc(0)
    })
    const served = await serveStreams({ gather: method }, { maxCalls: 1 })
    const first = rawGather(served.address)
    await until(() => seen.calls.length === 1)
    const refused = await failure(streamsOf(served.address).methods.gather(listed([]), newCall()))
    expect(refused).to.include({ reason: 'OVERLOADED', retryAfterMs: 100 })
    open()
    expect((await first.ended).error).to.equal(null)
  })

  it('a method that does not read holds its caller back, and later gets all requests', async () => {
    const { opened, open } = gate()
    const served = await serveStreams({
      async gather(requests) {
        await opened
        return Buffer.from(String((await collect(requests)).length))
      },
    })
    let sent = 0
    async function* requests() {
      for (; sent < 500; sent += 1) yield Buffer.alloc(16 * KiB)
    }
    const answer = streamsOf(served.address).methods.gather(requests(), newCall())
    await until(() => sent > 0)
    expect(await settled(() => sent)).to.be.below(100)
    open()
    expect((await answer).toString()).to.equal('500')
  })

  it('frees its place whichever way it ends', async () => {
    const ways: Streams['gather'][] = [
      async () => Buffer.alloc(0),
      () => Promise.reject(new VaultError('RECORD_NOT_FOUND')),
      joined,
    ]
    let way = 0
    const served = await serveStreams(
      { gather: (requests, call) => ways[way++ % ways.length]!(requests, call) },
      { maxCalls: 1 },
    )
    for (let made = 0; made < 9; made += 1) {
      const { call, ended } = rawGather(served.address)
      if (made % 3 === 2) setTimeout(() => call.cancel(), 20)
      expect((await ended).error?.code ?? 0).to.equal([0, 5, 1][made % 3])
      await served.idle()
    }
  })
})
