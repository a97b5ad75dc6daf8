import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ClientUnaryCall } from '@grpc/grpc-js'
import { expect } from 'chai'
import { VaultError } from '../../../src/core/errors.js'
import { closeLog, openLog } from '../../../src/core/log/log.js'
import type { CallContext } from '../../../src/core/methods.js'
import { admission } from '../../../src/core/server/admission.js'
import { serviceHandlers } from '../../../src/core/server/unary-handler.js'
import { fromServiceError } from '../../../src/core/status.js'
import { FrontendServiceService, RetrieveRecordRequest } from '../../../src/gen/encserver/v1/frontend.js'
import {
  failure,
  gate,
  keepingLog,
  rawClient,
  releaseAll,
  retrieve,
  serveFake,
  tempDir,
  until,
} from '../fake-frontend.js'

function throwing(thrown: unknown) {
  return serveFake({ methods: { retrieveRecord: () => Promise.reject(thrown) } })
}

const malformed: Record<string, Buffer> = {
  'a length beyond the end': Buffer.from([0x0a, 0x7f, 0x01]),
  'a wire type that does not exist': Buffer.from([0x0f]),
  'an endless number': Buffer.from(Array(12).fill(0xff)),
}

describe('unary handler', () => {
  afterEach(releaseAll)

  it('answers, with the request id in the trailers', async () => {
    const { address } = await serveFake()
    const frame = Buffer.from(
      RetrieveRecordRequest.encode(RetrieveRecordRequest.create({ callerAad: Buffer.from('x') })).finish(),
    )
    const { error, response, trailers } = await rawClient(address)({ frame, metadata: { 'x-request-id': 'mine.1' } })
    expect(error).to.equal(null)
    expect(response?.data.toString()).to.equal('x')
    expect(trailers.get('x-request-id')).to.eql(['mine.1'])
  })

  it('passes on the request id, and replaces a missing or malformed one', async () => {
    const ids: string[] = []
    const retrieveRecord = async (_: unknown, { requestId }: CallContext) => {
      ids.push(requestId)
      return { data: Buffer.alloc(0), record: undefined }
    }
    const { address } = await serveFake({ methods: { retrieveRecord } })
    const call = rawClient(address)
    for (const metadata of [{ 'x-request-id': 'mine' }, {}, { 'x-request-id': 'not {mine}' }]) {
      const { trailers } = await call({ metadata })
      expect(trailers.get('x-request-id')).to.eql([ids.at(-1)])
    }
    expect(ids[0]).to.equal('mine')
    expect(ids[1]).to.match(/^[0-9a-f-]{36}$/)
    expect(ids[2]).to.match(/^[0-9a-f-]{36}$/)
  })

  it('sends the request id with an error too, in the trailers and in the details', async () => {
    const { address } = await throwing(new VaultError('RECORD_NOT_FOUND'))
    const { error, trailers } = await rawClient(address)({ metadata: { 'x-request-id': 'mine' } })
    expect(trailers.get('x-request-id')).to.eql(['mine'])
    expect(fromServiceError(error!)).to.include({ reason: 'RECORD_NOT_FOUND', requestId: 'mine' })
  })

  for (const [what, frame] of Object.entries(malformed)) {
    it(`answers INVALID_REQUEST to ${what}`, async () => {
      const { address, events } = await serveFake()
      const { error } = await rawClient(address)({ frame })
      expect(error).to.include({ code: 3, details: 'the request is not a valid message of this method' })
      expect(fromServiceError(error!)).to.include({ reason: 'INVALID_REQUEST' })
      expect(events[0]).to.include({ level: 'info', status: 'INVALID_REQUEST', requestBytes: frame.length })
    })
  }

  it('decodes an empty frame as a message of defaults', async () => {
    const { address } = await serveFake()
    expect((await rawClient(address)({ frame: Buffer.alloc(0) })).error).to.equal(null)
  })

  for (const thrown of [new TypeError('secret detail'), 'secret detail', undefined]) {
    it(`answers "internal error" to a thrown ${typeof thrown}, which is only logged`, async () => {
      const { address, events } = await throwing(thrown)
      const { error } = await rawClient(address)()
      expect(error).to.include({ code: 13, details: 'internal error' })
      expect(JSON.stringify([error!.details, error!.metadata.toJSON()])).to.not.include('secret')
      const raw = error!.metadata.get('grpc-status-details-bin').map((part) => part.toString('latin1'))
      expect(raw.join()).to.not.include('secret')
      expect(events).to.have.length(1)
      expect(events[0]).to.include({ level: 'error', status: 'INTERNAL' })
      expect(events[0]!['cause']).to.equal(thrown)
    })
  }

  it('logs why others were rejected: an outage must not fill it with stacks', async () => {
    const cause = new Error('outer', { cause: new Error('no connection') })
    const { address, events } = await throwing(new VaultError('BACKEND_UNAVAILABLE', { cause }))
    await rawClient(address)()
    expect(events[0]).to.include({ level: 'info', status: 'BACKEND_UNAVAILABLE', cause: 'no connection' })
  })

  it('answers for a handler that throws synchronously, and one that returns nothing', async () => {
    for (const broken of [
      () => {
        throw new Error('at once')
      },
      async () => undefined,
    ]) {
      const { address, events } = await serveFake({ methods: { retrieveRecord: broken as never } })
      expect((await rawClient(address)()).error).to.include({ code: 13, details: 'internal error' })
      expect(events[0]!['cause']).to.be.instanceOf(Error)
    }
  })

  it('logs damaged records as errors', async () => {
    const { address, events } = await throwing(new VaultError('RECORD_CORRUPT'))
    await rawClient(address)()
    expect(events[0]).to.include({ level: 'error', status: 'RECORD_CORRUPT' })
  })

  it('survives an error whose text is not valid in HTTP/2', async () => {
    const { address } = await throwing(new VaultError('INVALID_REQUEST', { message: 'lone \ud800, line\nbreak' }))
    const { error } = await rawClient(address)()
    expect(error).to.include({ code: 3, details: 'lone \ufffd, line\nbreak' })
  })

  it('logs one line for a call, with these fields', async () => {
    const { address, events } = await serveFake()
    const frame = Buffer.from(
      RetrieveRecordRequest.encode(RetrieveRecordRequest.create({ callerAad: Buffer.alloc(100) })).finish(),
    )
    const { response } = await rawClient(address)({ frame, metadata: { 'x-request-id': 'mine' } })
    expect(response!.data).to.have.length(100)
    expect(events).to.have.length(1)
    const { ms, ...rest } = Object.fromEntries(Object.entries(events[0]!))
    expect(ms).to.be.a('number').and.to.be.within(0, 60_000)
    expect(rest).to.eql({
      level: 'info',
      message: 'call',
      method: '/encserver.v1.FrontendService/RetrieveRecord',
      requestBytes: frame.length,
      responseBytes: 102,
      requestId: 'mine',
      status: 'OK',
    })
  })

  it('never logs an id, a name, a token or contents', async () => {
    const dir = tempDir()
    const log = openLog('fe', { level: 'debug', dir, stdout: false })
    const { address } = await serveFake({ log })
    const call = rawClient(address)
    const fields = { userId: 'marker', recordName: 'marker', recordKey: 'marker', callerAad: Buffer.from('marker') }
    const frame = Buffer.from(RetrieveRecordRequest.encode(RetrieveRecordRequest.create(fields)).finish())
    await call({ frame })
    await call({ frame: Buffer.concat([frame, Buffer.from([0x0f])]), metadata: { 'x-request-id': 'a marker' } })
    await closeLog(log)
    const text = readFileSync(join(dir, 'fe.log'), 'utf8')
    expect(text.trim().split('\n')).to.have.length(2)
    for (const form of ['marker', Buffer.from('marker').toString('hex'), Buffer.from('marker').toString('base64')]) {
      expect(text).to.not.include(form)
    }
    expect(text).to.not.include(JSON.stringify([...Buffer.from('marker')]).slice(1, -1))
  })

  it('refuses to serve a method without a handler', () => {
    const serving = {
      log: keepingLog().log,
      admission: admission(1),
      defaultDeadlineMs: 1,
    }
    expect(() => serviceHandlers(FrontendServiceService, {}, serving)).to.throw(
      '/encserver.v1.FrontendService/StoreRecord',
    )
  })

  describe('at its limit', () => {
    it('rejects another call with OVERLOADED and a wait, and accepts calls after others end', async () => {
      const { opened, open } = gate()
      let running = 0
      const retrieveRecord = async () => {
        running += 1
        await opened
        return { data: Buffer.alloc(0), record: undefined }
      }
      const { address } = await serveFake({ methods: { retrieveRecord }, limits: { maxCallsInFlight: 3 } })
      const call = rawClient(address)
      const held = [call(), call(), call()]
      await until(() => running === 3)
      const { error } = await call()
      expect(error).to.include({ code: 8, details: 'too many calls in flight; try again later' })
      expect(fromServiceError(error!)).to.include({ reason: 'OVERLOADED', retryAfterMs: 100 })
      expect(running).to.equal(3)
      open()
      for (const { error } of await Promise.all(held)) expect(error).to.equal(null)
      expect((await call()).error).to.equal(null)
    })

    it('holds the place of a handler whose caller has gone, and frees it at its end', async () => {
      const { opened, open } = gate()
      let running = 0
      const retrieveRecord = async () => {
        running += 1
        await opened.finally(() => (running -= 1))
        return { data: Buffer.alloc(0), record: undefined }
      }
      const { address, events } = await serveFake({ methods: { retrieveRecord }, limits: { maxCallsInFlight: 2 } })
      const call = rawClient(address)
      const started: ClientUnaryCall[] = []
      const gone = [1, 2].map(() => call({ started: (each) => started.push(each) }))
      await until(() => running === 2)
      for (const each of started) each.cancel()
      await Promise.all(gone)
      await until(() => events.length === 2)
      expect((await call()).error).to.include({ code: 8 })
      open()
      await until(() => running === 0)
      expect((await call()).error).to.equal(null)
      expect(events.map(({ status }) => status)).to.eql(['CANCELLED', 'CANCELLED', 'OVERLOADED', 'OK'])
    })

    it('frees all places after a thousand calls that fail in every way', async () => {
      let count = 0
      let running = 0
      const retrieveRecord = async (_: unknown, { signal }: CallContext) => {
        count += 1
        if (count % 3 === 0) throw new Error('bug')
        running += 1
        if (count % 3 === 1) await new Promise<void>((resolve) => signal.addEventListener('abort', resolve))
        running -= 1
        return { data: Buffer.alloc(0), record: undefined }
      }
      const { address } = await serveFake({
        methods: { retrieveRecord },
        limits: { maxCallsInFlight: 8, defaultDeadlineMs: 100 },
      })
      const call = rawClient(address)
      for (let round = 0; round < 40; round += 1) {
        await Promise.all(
          Array.from({ length: 25 }, (_, index) =>
            call(index % 2 === 0 ? { deadlineMs: 4 } : { frame: Buffer.from([0x0f]) }),
          ),
        )
      }
      await until(() => count > 0)
      while ((await call()).error?.code === 8); // what was sent before has arrived
      await until(() => running === 0)
      count = 1
      const answers = await Promise.all(Array.from({ length: 8 }, () => call()))
      expect(answers.map(({ error }) => error?.code)).to.not.include(8)
    })
  })

  it('logs a bug of a handler whose caller has gone', async () => {
    const { opened, open } = gate()
    let started = false
    const retrieveRecord = async () => {
      started = true
      await opened
      throw new TypeError('too late')
    }
    const { address, events } = await serveFake({ methods: { retrieveRecord } })
    const controller = new AbortController()
    const pending = failure(retrieve(address, { signal: controller.signal, requestId: 'mine' }))
    await until(() => started)
    controller.abort()
    await pending
    await until(() => events.length === 1)
    open()
    await until(() => events.length === 2)
    expect(events[0]).to.include({ status: 'CANCELLED', requestId: 'mine' })
    expect(events[1]).to.include({ level: 'error', status: 'INTERNAL', late: true, requestId: 'mine' })
    expect(events[1]!['cause']).to.be.instanceOf(TypeError)
  })

  it('survives a response that cannot be logged', async () => {
    const { log, events } = keepingLog()
    const write = log.log.bind(log)
    let broken = true
    log.log = ((...args: Parameters<typeof write>) => {
      if (broken) {
        broken = false
        throw new Error('no log')
      }
      return write(...args)
    }) as typeof log.log
    const { address } = await serveFake({ log })
    expect((await rawClient(address)()).error).to.equal(null)
    await until(() => events.length === 1)
    expect(events[0]).to.include({ level: 'error', status: 'INTERNAL' })
  })
})
