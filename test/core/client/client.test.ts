import { getEventListeners } from 'node:events'
import { expect } from 'chai'
import { newCall } from '../../../src/core/client/client.js'
import { VaultError } from '../../../src/core/errors.js'
import type { CallContext } from '../../../src/core/methods.js'
import { proxyTo } from '../broken-connections.js'
import { atEnd, clientOf, failure, gate, releaseAll, retrieval, retrieve, serveFake, until } from '../fake-frontend.js'

const nothing = { data: Buffer.alloc(0), record: undefined }

/** A server whose calls wait for `open`. */
async function slowServer() {
  const { opened, open } = gate()
  const calls: CallContext[] = []
  const retrieveRecord = async (_: unknown, call: CallContext) => {
    calls.push(call)
    await opened
    return nothing
  }
  const server = await serveFake({ methods: { retrieveRecord }, limits: { maxCallsInFlight: 100 } })
  atEnd(open)
  return { ...server, calls, open }
}

describe('client', () => {
  afterEach(releaseAll)

  describe('newCall', () => {
    it('has 30 seconds, an id and a signal by default', () => {
      const before = Date.now()
      const { deadline, requestId, signal } = newCall()
      expect(deadline).to.be.within(before + 30_000, Date.now() + 30_000)
      expect(requestId).to.match(/^[0-9a-f-]{36}$/)
      expect(signal.aborted).to.equal(false)
    })

    it('takes the given options', () => {
      const { signal } = new AbortController()
      const before = Date.now()
      const call = newCall({ timeoutMs: 5, signal, requestId: 'mine' })
      expect(call).to.include({ signal, requestId: 'mine' })
      expect(call.deadline).to.be.within(before + 5, Date.now() + 5)
    })

    for (const requestId of ['', 'a b', 'a\n', 'x'.repeat(65), 'ü']) {
      it(`refuses the request id ${JSON.stringify(requestId)}, which gRPC or the server rejects`, () => {
        expect(() => newCall({ requestId }))
          .to.throw('requestId: must be')
          .with.property('reason', 'INVALID_REQUEST')
      })
    }

    for (const timeoutMs of [Number.NaN, Number.POSITIVE_INFINITY]) {
      it(`refuses the timeout ${timeoutMs}`, () => {
        expect(() => newCall({ timeoutMs }))
          .to.throw('timeoutMs: must be')
          .with.property('reason', 'INVALID_REQUEST')
      })
    }
  })

  it('calls with its deadline and request id', async () => {
    const { address, calls, open } = await slowServer()
    const call = newCall({ timeoutMs: 30_000, requestId: 'mine' })
    const answer = clientOf(address).methods.retrieveRecord(retrieval(), call)
    await until(() => calls.length === 1)
    expect(calls[0]!.requestId).to.equal('mine')
    expect(calls[0]!.deadline).to.be.within(call.deadline - 50, call.deadline + 20_000)
    open()
    expect(await answer).to.eql(nothing)
  })

  it('rejects with the server’s reason, message, fields and request id', async () => {
    const fields = [{ field: 'user_id', description: 'd' }]
    const thrown = new VaultError('INVALID_REQUEST', { message: 'm', fields, cause: new Error('secret') })
    const { address } = await serveFake({ methods: { retrieveRecord: () => Promise.reject(thrown) } })
    const error = (await failure(retrieve(address, { requestId: 'mine' }))) as VaultError
    expect(error).to.be.instanceOf(VaultError)
    expect(error).to.include({ reason: 'INVALID_REQUEST', kind: 'invalid', message: 'm', requestId: 'mine' })
    expect(error.fields).to.eql(fields)
  })

  it('rejects at its deadline, also without an answer', async () => {
    const { address } = await slowServer()
    const startedAt = Date.now()
    expect(await failure(retrieve(address, { timeoutMs: 50 }))).to.include({ reason: 'DEADLINE_EXCEEDED' })
    expect(Date.now() - startedAt).to.be.at.least(49)
  })

  it('rejects with UNREACHABLE when a server is killed after a GOAWAY', async () => {
    const { address, calls, stop, open } = await slowServer()
    const proxy = await proxyTo(address)
    const { methods } = clientOf(proxy.address)
    const calling = failure(methods.retrieveRecord(retrieval(), newCall()))
    await until(() => calls.length === 1)
    const stopped = stop()
    await new Promise((resolve) => setTimeout(resolve, 50)) // it is told
    proxy.cut()
    expect(await calling).to.include({ reason: 'UNREACHABLE' })
    open()
    await stopped
  })

  it('does not begin an aborted call', async () => {
    const { address, calls } = await slowServer()
    const reason = new Error('changed my mind')
    const error = await failure(retrieve(address, { signal: AbortSignal.abort(reason) }))
    expect(error).to.include({ reason: 'CANCELLED', cause: reason })
    expect(await failure(retrieve(address, { timeoutMs: -1 }))).to.include({ reason: 'DEADLINE_EXCEEDED' })
    expect(calls).to.have.length(0)
  })

  it('rejects a timeout beyond the limit of gRPC, which would end the process', async () => {
    const { address } = await slowServer()
    for (const timeoutMs of [Number.MAX_SAFE_INTEGER, 86_400_001, Number.NaN, Number.POSITIVE_INFINITY]) {
      const error = await failure((async () => retrieve(address, { timeoutMs }))())
      expect(error).to.include({ message: 'timeoutMs: must be a number of milliseconds, at most 86400000' })
    }
  })

  it('passes on the reason of an abort that is a VaultError', async () => {
    const { address, calls } = await slowServer()
    const controller = new AbortController()
    const pending = failure(retrieve(address, { signal: controller.signal }))
    await until(() => calls.length === 1)
    const reason = new VaultError('DEADLINE_EXCEEDED')
    controller.abort(reason)
    expect(await pending).to.equal(reason)
  })

  it('rejects with a VaultError for a request that cannot be encoded', async () => {
    const { address } = await serveFake()
    const unencodable = { ...retrieval(), callerAad: null } as never
    const error = await failure(clientOf(address).methods.retrieveRecord(unencodable, newCall()))
    expect(error).to.be.instanceOf(VaultError).and.include({ reason: 'INTERNAL' })
  })

  it('leaves no listener on a signal that outlives its calls, and causes no warning of a leak', async () => {
    const warnings: Error[] = []
    const warned = (warning: Error) => warnings.push(warning)
    process.on('warning', warned)
    atEnd(() => process.off('warning', warned))
    const { address, calls, open } = await slowServer()
    const { signal } = new AbortController()
    const { methods } = clientOf(address)
    const many = Array.from({ length: 50 }, () => methods.retrieveRecord(retrieval(), newCall({ signal })))
    await until(() => calls.length === 50)
    open()
    await Promise.all(many)
    await failure(methods.retrieveRecord({ ...retrieval(), callerAad: null } as never, newCall({ signal })))
    expect(getEventListeners(signal, 'abort')).to.have.length(0)
    await new Promise(setImmediate)
    expect(warnings.filter(({ name }) => name === 'MaxListenersExceededWarning')).to.eql([])
  })

  it('cancels its calls in flight when closed, and begins no more', async () => {
    const { address, calls } = await slowServer()
    const { methods, close } = clientOf(address)
    const pending = [1, 2].map(() => failure(methods.retrieveRecord(retrieval(), newCall())))
    await until(() => calls.length === 2)
    close()
    for (const error of await Promise.all(pending)) {
      expect(error).to.include({ reason: 'CANCELLED', message: 'this client is closed' })
    }
    await until(() => calls.every(({ signal }) => signal.aborted))
    const later = await failure(methods.retrieveRecord(retrieval(), newCall()))
    expect(later).to.include({ reason: 'CANCELLED', message: 'this client is closed' })
    close()
  })

  it('can be closed before its first call', async () => {
    const { methods, close } = clientOf('127.0.0.1:1')
    close()
    expect(await failure(methods.retrieveRecord(retrieval(), newCall()))).to.include({ reason: 'CANCELLED' })
  })
})
