import { expect } from 'chai'
import { OpenCalls } from '../../../src/core/server/open-calls.js'
import type { HeaderFields } from '../../../src/core/transport.js'
import { until } from '../fake-frontend.js'

/** A call whose events the test sends. */
function fakeCall() {
  const seen = { started: false, status: '' }
  let begin = (): void => undefined
  let end = (): void => undefined
  const call = {
    whenBegun(callback: () => void) {
      begin = callback
    },
    whenSent(callback: () => void) {
      end = callback
    },
    dismiss(fields: HeaderFields) {
      seen.status = new Map(fields).get('grpc-status') ?? ''
      end()
    },
  }
  const start = () => {
    seen.started = true
  }
  return { call, start, seen, begin: () => begin(), end: () => end() }
}

describe('open calls', () => {
  const ended: string[] = []
  const openCalls = (max: number, maxSilentMs = 60_000) =>
    new OpenCalls({ max, maxSilentMs, ended: (problem) => ended.push(problem) })
  const opened = (calls: OpenCalls) => {
    const made = fakeCall()
    calls.open(made.call, made.start)
    return made
  }
  beforeEach(() => {
    ended.length = 0
  })

  it('starts a call when its first message is there', () => {
    const one = opened(openCalls(1))
    expect(one.seen.started).to.equal(false)
    one.begin()
    expect(one.seen).to.deep.equal({ started: true, status: '' })
  })

  it('ends the call that has been silent for longest when there are too many', () => {
    const calls = openCalls(2)
    const [first, second, third] = [opened(calls), opened(calls), opened(calls)]
    expect([first, second, third].map(({ seen }) => seen.status)).to.deep.equal(['8', '', ''])
    expect(ended).to.have.length(1)
    second.begin()
    expect(second.seen.started).to.equal(true)
  })

  it('refuses a call when all others have sent their message, until one has ended', () => {
    const calls = openCalls(2)
    const [first, second] = [opened(calls), opened(calls)]
    first.begin()
    second.begin()
    expect(() => opened(calls))
      .to.throw('too many calls in flight')
      .with.property('reason', 'OVERLOADED')
    first.end()
    expect(opened(calls).seen.status).to.equal('')
    expect(second.seen.status).to.equal('')
  })

  it('ends what stays silent with DEADLINE_EXCEEDED, all thousand of them, and nothing else', async () => {
    const calls = openCalls(2_000, 30)
    const begun = opened(calls)
    begun.begin()
    const silent = Array.from({ length: 1_000 }, () => opened(calls))
    await until(() => silent.every(({ seen }) => seen.status === '4'))
    expect(ended).to.have.length(1_000)
    expect(begun.seen.status).to.equal('')
  })
})
