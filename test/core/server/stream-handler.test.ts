import { getEventListeners } from 'node:events'
import { connect } from 'node:http2'
import type { ServiceError } from '@grpc/grpc-js'
import { Metadata } from '@grpc/grpc-js'
import { expect } from 'chai'
import { newCall } from '../../../src/core/client/client.js'
import { invalidField, VaultError } from '../../../src/core/errors.js'
import type { CallContext } from '../../../src/core/methods.js'
import { startServer } from '../../../src/core/server/server.js'
import { fromServiceError } from '../../../src/core/status.js'
import { atEnd, failure, gate, keepingLog, localhost, releaseAll, until } from '../fake-frontend.js'
import {
  aborted,
  collect,
  definition,
  listed,
  malformed,
  rawStreams,
  rawTalk,
  rawWatch,
  type ServedStreams,
  type Streams,
  serveStreams,
  streamsOf,
} from '../fake-streams.js'

const KiB = 1024
const none = Buffer.alloc(0)
const same = (bytes: Buffer) => bytes
const text = (...words: string[]) => words.map((word) => Buffer.from(word))

/** A method whose answers come from `answers`, and which says when it began and ended. */
function observed(answers: (requests: AsyncIterable<Buffer>, call: CallContext) => AsyncIterable<Buffer>) {
  const seen = { calls: [] as CallContext[], ended: 0 }
  const method: Streams['talk'] = async function* (requests, call) {
    seen.calls.push(call)
    try {
      yield* answers(requests, call)
    } finally {
      seen.ended += 1
    }
  }
  return { seen, method }
}

async function* forever(size = 0): AsyncGenerator<Buffer> {
  for (;;) yield Buffer.alloc(size)
}

async function* echo(requests: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield* requests
}

/** The call of a method that ends: one line is logged for it. */
async function lineOf({ events }: ServedStreams) {
  await until(() => events.length > 0)
  return events[0]!
}

describe('stream handler', () => {
  afterEach(releaseAll)

  it('answers a request with a stream, and a stream with a stream', async () => {
    const { address } = await serveStreams({
      talk: echo,
      async *watch(request) {
        yield request as unknown as Buffer
        yield Buffer.from('two')
      },
    })
    const { methods } = streamsOf(address)
    expect(await collect(methods.watch(Buffer.from('one'), newCall()))).to.deep.equal(text('one', 'two'))
    expect(await collect(methods.talk(listed(text('a', 'b', 'c')), newCall()))).to.deep.equal(text('a', 'b', 'c'))
  })

  it("passes on the caller's request id, and sends it in the trailers", async () => {
    const { seen, method } = observed(echo)
    const { address } = await serveStreams({ talk: method })
    const metadata = Metadata.fromHttp2Headers({ 'x-request-id': 'mine' })
    const same = (bytes: Buffer) => bytes
    const call = rawStreams(address).makeBidiStreamRequest(definition.talk.path, same, same, metadata)
    const status = new Promise<Metadata>((resolve) => call.on('status', (end) => resolve(end.metadata)))
    call.resume()
    call.end()
    expect((await status).get('x-request-id')).to.deep.equal(['mine'])
    expect(seen.calls[0]).to.include({ requestId: 'mine' })
  })

  it('logs one line, with counts and no contents', async () => {
    const served = await serveStreams({ talk: echo })
    await collect(streamsOf(served.address).methods.talk(listed(text('secret', 'words')), newCall({ requestId: 'r1' })))
    const { ms, ...line } = await lineOf(served)
    expect(ms).to.be.a('number')
    expect(Object.fromEntries(Object.entries(line))).to.deep.equal({
      level: 'info',
      message: 'call',
      method: '/test.Streams/Talk',
      requestId: 'r1',
      requests: 2,
      requestBytes: 11,
      responses: 2,
      responseBytes: 11,
      status: 'OK',
    })
    expect(served.events).to.have.length(1)
  })

  describe('a caller that cancels', () => {
    const waits: Record<string, Streams['talk']> = {
      'waits for something': async function* (_, call) {
        await aborted(call)
        yield* []
      },
      'waits for a request': echo,
      'waits for its caller to read': () => forever(64 * KiB),
    }
    for (const [what, answers] of Object.entries(waits)) {
      it(`ends a method that ${what}, and frees its place`, async () => {
        const { seen, method } = observed(answers)
        const served = await serveStreams({ talk: method })
        const { call } = rawTalk(served.address)
        call.pause()
        await until(() => seen.calls.length > 0)
        await new Promise((resolve) => setTimeout(resolve, 50))
        expect(seen.ended).to.equal(0)
        call.cancel()
        await served.idle()
        expect(seen.ended).to.equal(1)
        expect(seen.calls[0]!.signal.reason).to.include({ reason: 'CANCELLED' })
        expect(await lineOf(served)).to.include({ level: 'info', status: 'CANCELLED' })
      })
    }

    it('holds its place until the method returns, whose bug is logged', async () => {
      const { opened, open } = gate()
      const { seen, method } = observed(async function* () {
        await opened
        yield* []
        throw new TypeError('late bug')
      })
      const served = await serveStreams({ talk: method }, { maxCalls: 1 })
      const { call } = rawTalk(served.address)
      await until(() => seen.calls.length > 0)
      call.cancel()
      await until(() => served.events.length > 0)
      const refused = await failure(collect(streamsOf(served.address).methods.watch(none, newCall())))
      expect(refused).to.include({ reason: 'OVERLOADED', retryAfterMs: 100 })
      open()
      await served.idle()
      await until(() => served.events.length > 2)
      expect(served.events.at(-1)).to.include({ level: 'error', status: 'INTERNAL', late: true })
    })

    it('gets a response at its deadline, and the method is aborted', async () => {
      const { seen, method } = observed(async function* (_, call) {
        yield none
        await aborted(call)
      })
      const served = await serveStreams({ watch: method as unknown as Streams['watch'] })
      const startedAt = Date.now()
      const error = await failure(collect(rawWatch(served.address, '150m')))
      expect(error).to.include({ code: 4 })
      expect(Date.now() - startedAt).to.be.at.least(149)
      await served.idle()
      expect(seen.calls[0]!.signal.reason).to.include({ reason: 'DEADLINE_EXCEEDED' })
      expect(seen.ended).to.equal(1)
      expect(await lineOf(served)).to.include({ status: 'DEADLINE_EXCEEDED' })
    })
  })

  describe('an idle stream', () => {
    it('ends with DEADLINE_EXCEEDED, and so does its method', async () => {
      const { seen, method } = observed(async function* (_, call) {
        yield Buffer.from('one')
        await aborted(call)
      })
      const served = await serveStreams({ talk: method }, { streamIdleMs: 80 })
      const { answers, ended } = rawTalk(served.address)
      const error = (await ended) as ServiceError
      expect(fromServiceError(error)).to.include({
        reason: 'DEADLINE_EXCEEDED',
        message: 'nothing moved on the stream for 0.08 s',
      })
      expect(answers).to.deep.equal(text('one'))
      await served.idle()
      expect(seen.ended).to.equal(1)
      expect(seen.calls[0]!.signal.reason).to.include({ reason: 'DEADLINE_EXCEEDED' })
      expect(await lineOf(served)).to.include({ level: 'info', status: 'DEADLINE_EXCEEDED', responses: 1 })
    })

    it('is one without requests and responses', async () => {
      const { address } = await serveStreams({ talk: echo }, { streamIdleMs: 1_000 })
      const { call, answers, ended } = rawTalk(address)
      const end = Date.now() + 1_200
      let sent = 0
      for (; Date.now() < end; sent += 1) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        call.write(Buffer.from('.'))
      }
      call.end()
      expect(await ended).to.equal(null)
      expect(answers).to.have.length(sent)
    })
  })

  describe('a transfer whose caller trickles', () => {
    const leastRate = { bytesPerSecond: 100_000, windowMs: 60 }
    const tooSlow = /^the caller moved less than 100000 bytes a second for 0.06 s$/

    it('ends with DEADLINE_EXCEEDED when the caller does not read', async () => {
      const { seen, method } = observed(() => forever(64 * KiB))
      const served = await serveStreams({ watch: method as unknown as Streams['watch'] }, { leastRate })
      const session = connect(`http://${served.address}`)
      atEnd(() => session.destroy())
      const headers = { ':method': 'POST', ':path': definition.watch.path, 'content-type': 'application/grpc' }
      const unread = session.request({ ...headers, te: 'trailers' })
      unread.on('error', () => undefined).end(Buffer.alloc(5))
      const { status, why } = await lineOf(served)
      expect(status).to.equal('DEADLINE_EXCEEDED')
      expect(why).to.match(tooSlow)
      await served.idle()
      expect(seen.ended).to.equal(1)
    })

    it('ends with DEADLINE_EXCEEDED when the caller does not send', async () => {
      const gather: Streams['gather'] = async (requests) => {
        for await (const _ of requests);
        return none
      }
      const served = await serveStreams({ gather }, { leastRate })
      const call = rawStreams(served.address).makeClientStreamRequest(
        definition.gather.path,
        same,
        same,
        () => undefined,
      )
      call.on('error', () => undefined).write(Buffer.from('.'))
      const { status, why } = await lineOf(served)
      expect(status).to.equal('DEADLINE_EXCEEDED')
      expect(why).to.match(tooSlow)
    })

    it('goes on when the method itself is slow', async () => {
      const served = await serveStreams(
        {
          async *watch() {
            await new Promise((resolve) => setTimeout(resolve, 200))
            yield Buffer.from('late')
          },
        },
        { leastRate },
      )
      expect(await collect(streamsOf(served.address).methods.watch(none, newCall()))).to.deep.equal(text('late'))
    })
  })

  describe('errors', () => {
    it('in mid-stream follow the responses, with our details', async () => {
      const { address, events } = await serveStreams({
        async *talk() {
          yield* text('a', 'b')
          throw invalidField('item_id', 'must be distinct')
        },
      })
      const { answers, ended } = rawTalk(address)
      const error = fromServiceError((await ended) as ServiceError)
      expect(error).to.include({ reason: 'INVALID_REQUEST', message: 'item_id: must be distinct' })
      expect(error.fields).to.deep.equal([{ field: 'item_id', description: 'must be distinct' }])
      expect(error.requestId).to.equal(events[0]!['requestId'])
      expect(answers).to.deep.equal(text('a', 'b'))
    })

    const bugs: Record<string, () => unknown> = {
      'throws a bug': async function* () {
        yield none
        throw new TypeError('secret detail')
      },
      'throws before it answers': () => {
        throw new TypeError('secret detail')
      },
      'is none': () => undefined,
    }
    for (const [what, broken] of Object.entries(bugs)) {
      it(`a method that ${what} is an internal error, whose cause is only logged`, async () => {
        const served = await serveStreams({ talk: broken as never })
        const error = (await rawTalk(served.address).ended) as ServiceError
        expect(error).to.include({ code: 13, details: 'internal error' })
        expect(error.metadata.get('grpc-status-details-bin').join()).to.not.include('secret')
        const line = await lineOf(served)
        expect(line).to.include({ level: 'error', status: 'INTERNAL' })
        expect(line['cause']).to.be.instanceOf(Error)
      })
    }

    it('a malformed frame ends the stream with INVALID_REQUEST', async () => {
      const { seen, method } = observed(echo)
      const served = await serveStreams({ talk: method })
      const { call, answers, ended } = rawTalk(served.address)
      for (const frame of [Buffer.from('good'), malformed, Buffer.from('never read')]) call.write(frame)
      const error = fromServiceError((await ended) as ServiceError)
      expect(error).to.include({
        reason: 'INVALID_REQUEST',
        message: 'the request is not a valid message of this method',
      })
      expect(answers).to.deep.equal(text('good'))
      expect(seen.ended).to.equal(1)
      expect(await lineOf(served)).to.include({ status: 'INVALID_REQUEST', requests: 2, responses: 1 })
    })

    it('a malformed request of a server stream too', async () => {
      const served = await serveStreams({})
      const same = (bytes: Buffer) => bytes
      const call = rawStreams(served.address).makeServerStreamRequest(definition.watch.path, same, same, malformed)
      expect(fromServiceError((await failure(collect(call))) as ServiceError)).to.include({ reason: 'INVALID_REQUEST' })
    })
  })

  it('answers open requests after the half-close', async () => {
    const { opened, open } = gate()
    const { address } = await serveStreams({
      async *talk(requests) {
        const all = await collect(requests)
        yield Buffer.from('all read')
        await opened
        yield* all
      },
    })
    const { call, answers, ended } = rawTalk(address)
    for (const word of ['a', 'b']) call.write(Buffer.from(word))
    call.end()
    await until(() => answers.length === 1)
    open()
    expect(await ended).to.equal(null)
    expect(answers).to.deep.equal(text('all read', 'a', 'b'))
  })

  it('may end before its caller does, and may respond after it has stopped reading', async () => {
    const { address } = await serveStreams({
      async *talk(requests) {
        for await (const request of requests) {
          yield request
          break
        }
        yield* text('x', 'y')
      },
    })
    const { call, answers, ended } = rawTalk(address)
    for (const word of ['a', 'b', 'c']) call.write(Buffer.from(word))
    expect(await ended).to.equal(null)
    expect(answers).to.deep.equal(text('a', 'x', 'y'))
  })

  it('frees its place whichever way a stream ends', async () => {
    const ways: Streams['talk'][] = [
      async function* () {},
      async function* () {
        yield* []
        throw new VaultError('RECORD_NOT_FOUND')
      },
      echo,
    ]
    let way = 0
    const served = await serveStreams(
      { talk: (requests, call) => ways[way++ % ways.length]!(requests, call) },
      { maxCalls: 1 },
    )
    for (let made = 0; made < 9; made += 1) {
      const { call, ended } = rawTalk(served.address)
      if (made % 3 === 2) setTimeout(() => call.cancel(), 20)
      expect(((await ended) as ServiceError | null)?.code ?? 0).to.equal([0, 5, 1][made % 3])
      await served.idle()
    }
  })

  it('leaves no listener on the signal of a stream, and allows many', async () => {
    const warnings: Error[] = []
    const warned = (warning: Error) => warnings.push(warning)
    process.on('warning', warned)
    atEnd(() => process.off('warning', warned))
    const left: number[] = []
    const { address } = await serveStreams({
      async *talk(requests, { signal }) {
        for await (const request of requests) yield request
        left.push(getEventListeners(signal as AbortSignal, 'abort').length)
        for (let at = 0; at < 64; at += 1) signal.addEventListener('abort', () => undefined)
      },
    })
    await collect(streamsOf(address).methods.talk(listed(text(...'abcdefghijklmnopqrstuvwxyz')), newCall()))
    await new Promise((resolve) => setImmediate(resolve))
    expect(left).to.deep.equal([0])
    expect(warnings).to.deep.equal([])
  })

  it('waits at a stop for open streams, then resets the others', async () => {
    const { seen, method } = observed(echo)
    const { log } = keepingLog()
    const server = await startServer({
      callers: 'public',
      section: 'backend',
      listen: localhost,
      limits: {
        maxReceiveBytes: 64 * KiB,
        maxCallsInFlight: 4,
        defaultDeadlineMs: 60_000,
        maxConnectionAgeMs: 600_000,
        drainMs: 1_500,
      },
      service: {
        name: 'encserver.v1.BackendService',
        definition,
        methods: { talk: method, watch: echo, gather: async () => none },
      },
      log,
    })
    atEnd(server.stop)
    const [brief, endless] = [rawTalk(`127.0.0.1:${server.port}`), rawTalk(`127.0.0.1:${server.port}`)]
    for (const { call } of [brief, endless]) call.write(Buffer.from('a'))
    await until(() => brief.answers.length + endless.answers.length === 2)
    const startedAt = Date.now()
    const stopped = server.stop()
    brief.call.write(Buffer.from('b'))
    brief.call.end()
    expect(await brief.ended).to.equal(null)
    expect(brief.answers).to.deep.equal(text('a', 'b'))
    expect(fromServiceError((await endless.ended) as ServiceError)).to.include({ reason: 'UNREACHABLE' })
    await stopped
    expect(Date.now() - startedAt).to.be.within(1_499, 30_000)
    expect(seen).to.include({ ended: 2 })
  })
})
