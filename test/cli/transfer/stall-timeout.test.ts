import { mock } from 'node:test'
import { expect } from 'chai'
import { stallTimeout } from '../../../src/cli/transfer/stall-timeout.js'

describe('stall timeout', () => {
  let now = 0

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] })
    mock.method(performance, 'now', () => now)
  })
  afterEach(() => {
    mock.timers.reset()
    mock.restoreAll()
  })

  const pass = (ms: number) => {
    for (let at = 0; at < ms; at += 1) {
      now += 1
      mock.timers.tick(1)
    }
  }
  const watch = (signal = new AbortController().signal) => stallTimeout({ stallMs: 40, signal })

  it('ends a stream only while it waits for the server', () => {
    const { signal, wait, rest, stop } = watch()
    wait()
    pass(20)
    wait() // the server has made progress
    pass(30)
    rest()
    pass(60)
    expect(signal.aborted).to.equal(false)
    wait()
    pass(39)
    expect(signal.aborted).to.equal(false)
    pass(1)
    expect(signal.reason).to.include({
      reason: 'DEADLINE_EXCEEDED',
      message: 'the server made no progress for 0.04 s',
    })
    stop()
  })

  it('aborts with the signal of the program', () => {
    const program = new AbortController()
    const { signal, stop } = watch(program.signal)
    program.abort(new Error('interrupted'))
    expect(signal.reason).to.include({ message: 'interrupted' })
    stop()
  })

  it('leaves no timer after it was stopped: that would keep the program alive', () => {
    const { signal, wait, stop } = watch()
    wait()
    stop()
    wait()
    pass(80)
    expect(signal.aborted).to.equal(false)
  })
})
