import { expect } from 'chai'
import type { CallSignal } from '../../../src/core/concurrency/call-signal.js'
import type { CallContext } from '../../../src/core/methods.js'
import { openRacedCall } from '../../../src/core/server/call-context.js'
import { atEnd, failure, rawClient, releaseAll, retrieve, serveFake, until } from '../fake-frontend.js'

function incoming(deadline?: number) {
  const nothing = (): void => undefined
  return { requestId: undefined, deadline, isReceived: false, onCancel: nothing, connection: {}, whenSent: nothing }
}

function opened(call: ReturnType<typeof incoming>, defaultMs: number) {
  const open = openRacedCall(call, { defaultMs })
  atEnd(open.close)
  return open
}

/** A server whose one call waits for its signal; `seen` is what it saw. */
async function waitingServer(defaultDeadlineMs: number) {
  const seen: CallContext[] = []
  const methods = {
    retrieveRecord: (_: unknown, call: CallContext) => {
      seen.push(call)
      return new Promise<never>((_, reject) => call.signal.addEventListener('abort', () => reject(call.signal.reason)))
    },
  }
  return { ...(await serveFake({ methods, limits: { defaultDeadlineMs } })), seen }
}

describe('call context', () => {
  afterEach(releaseAll)

  it('sets the default deadline for a caller without one', async () => {
    const before = Date.now()
    const { context, ended } = opened(incoming(), 30)
    expect(context.deadline).to.be.within(before + 30, Date.now() + 30)
    expect(await failure(ended)).to.include({ reason: 'DEADLINE_EXCEEDED' })
    expect(context.signal.reason).to.include({ reason: 'DEADLINE_EXCEEDED' })
  })

  it("keeps the caller's deadline, shorter or longer", async () => {
    const near = Date.now() + 20
    const { context, ended } = opened(incoming(near), 5_000)
    expect(context.deadline).to.equal(near)
    expect(await failure(ended)).to.include({ reason: 'DEADLINE_EXCEEDED' })
    const far = Date.now() + 100_000
    expect(opened(incoming(far), 5_000).context.deadline).to.equal(far)
  })

  it('limits the time to send a request, whatever the deadline', async () => {
    const slow = openRacedCall(incoming(Date.now() + 60_000), { defaultMs: 5_000, receiveMs: 30 })
    const quick = openRacedCall(
      { ...incoming(Date.now() + 60_000), isReceived: true },
      { defaultMs: 5_000, receiveMs: 30 },
    )
    const end = Date.now() + 80
    const late = openRacedCall({ ...incoming(end), isReceived: true }, { defaultMs: 5_000, receiveMs: 30 })
    for (const { close } of [slow, quick, late]) atEnd(close)
    expect(await failure(slow.ended)).to.include({ reason: 'DEADLINE_EXCEEDED' })
    expect(await failure(late.ended)).to.include({ reason: 'DEADLINE_EXCEEDED' })
    expect(Date.now()).to.be.at.least(end - 1)
    expect(quick.context.signal.aborted).to.equal(false)
  })

  it('accepts a deadline beyond the longest timer, and one in the past', async () => {
    const far = opened(incoming(Date.now() + 2 ** 40), 10)
    const past = opened(incoming(Date.now() - 1_000), 5_000)
    expect(await failure(past.ended)).to.include({ reason: 'DEADLINE_EXCEEDED' })
    expect(far.context.signal.aborted).to.equal(false)
  })

  it('distinguishes a cancellation from a deadline, which the caller reaches a moment earlier', async () => {
    const cancelled = incoming(Date.now() + 60_000)
    const late = incoming(Date.now() + 15)
    const ends = [cancelled, late].map((call) => opened(call, 5_000).ended)
    cancelled.onCancel()
    late.onCancel()
    expect(await failure(ends[0]!)).to.include({ reason: 'CANCELLED' })
    expect(await failure(ends[1]!)).to.include({ reason: 'DEADLINE_EXCEEDED' })
  })

  it('ends once, with its first reason', async () => {
    const call = incoming()
    const { context, ended } = opened(call, 60)
    call.onCancel()
    await new Promise((resolve) => setTimeout(resolve, 90))
    expect(context.signal.reason).to.include({ reason: 'CANCELLED' })
    expect(await failure(ended)).to.equal(context.signal.reason)
  })

  it('leaves no timer and does not abort after the close', async () => {
    const call = incoming()
    const { context, close } = openRacedCall(call, { defaultMs: 10 })
    close()
    call.onCancel()
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(context.signal.aborted).to.equal(false)
  })

  it('does not abort the signal of a call that was answered', async () => {
    const signals: CallSignal[] = []
    const methods = {
      retrieveRecord: async (_: unknown, { signal }: CallContext) => {
        signals.push(signal)
        return { data: Buffer.alloc(0), record: undefined }
      },
    }
    const { address } = await serveFake({ methods })
    await retrieve(address)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(signals.map(({ aborted }) => aborted)).to.eql([false])
  })

  it('answers DEADLINE_EXCEEDED, with our details, when the default has passed', async () => {
    const { address, events } = await waitingServer(40)
    const startedAt = Date.now()
    const { error } = await rawClient(address)()
    expect(error).to.include({ code: 4, details: 'the deadline passed before the answer' })
    expect(Date.now() - startedAt).to.be.at.least(39)
    expect(error!.metadata.get('grpc-status-details-bin')).to.have.length(1)
    expect(events[0]).to.include({ status: 'DEADLINE_EXCEEDED' })
  })

  it('passes the caller’s deadline to the handler, and aborts it then', async () => {
    const { address, seen, events } = await waitingServer(60_000)
    const before = Date.now()
    const { error } = await rawClient(address)({ metadata: { 'grpc-timeout': '60m' } })
    expect(error).to.include({ code: 4 })
    expect(seen[0]!.deadline).to.be.within(before + 60, Date.now() + 1)
    await until(() => events.length > 0)
    expect(seen[0]!.signal.reason).to.include({ reason: 'DEADLINE_EXCEEDED' })
    expect(events[0]).to.include({ status: 'DEADLINE_EXCEEDED' })
  })

  it('aborts the handler’s signal when the caller cancels', async () => {
    const { address, seen, events } = await waitingServer(60_000)
    const controller = new AbortController()
    const pending = failure(retrieve(address, { signal: controller.signal }))
    await until(() => seen.length > 0)
    controller.abort()
    expect(await pending).to.include({ reason: 'CANCELLED' })
    await until(() => events.length > 0)
    expect(seen[0]!.signal.reason).to.include({ reason: 'CANCELLED' })
    expect(events[0]).to.include({ status: 'CANCELLED', level: 'info' })
  })
})
