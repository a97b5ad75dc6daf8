import { mock } from 'node:test'
import { expect } from 'chai'
import { stallTimeout } from '../../../src/cli/transfer/stall-timeout.js'

describe('stall watch', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }))
  afterEach(() => mock.timers.reset())

  const pass = (ms: number) => mock.timers.tick(ms)
  const watch = (signal = new AbortController().signal) => stallTimeout({ patienceMs: 40, signal })

  it('ends what the server does not move, and nothing else', () => {
    const { signal, wait, rest, stop } = watch()
    wait()
    pass(20)
    wait() // it has moved
    pass(30)
    rest()
    pass(60)
    expect(signal.aborted).to.equal(false)
    wait()
    pass(80)
    expect(signal.reason).to.include({
      reason: 'DEADLINE_EXCEEDED',
      message: 'the server has moved nothing for 0.04 s',
    })
    stop()
  })

  it('ends as the program does', () => {
    const program = new AbortController()
    const { signal } = watch(program.signal)
    program.abort(new Error('interrupted'))
    expect(signal.reason).to.include({ message: 'interrupted' })
  })

  it('waits for nothing after it was stopped: a timer would keep the program', () => {
    const { signal, wait, stop } = watch()
    wait()
    stop()
    wait()
    pass(80)
    expect(signal.aborted).to.equal(false)
  })
})
