import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { stallTimeout } from '../../../src/cli/transfer/stall-timeout.js'

describe('stall watch', () => {
  const watch = (signal = new AbortController().signal) => stallTimeout({ patienceMs: 40, signal })

  it('ends what the server does not move, and nothing else', async () => {
    const { signal, wait, rest, stop } = watch()
    wait()
    await sleep(20)
    wait() // it has moved
    await sleep(30)
    rest()
    await sleep(60)
    expect(signal.aborted).to.equal(false)
    wait()
    await sleep(80)
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

  it('waits for nothing after it was stopped: a timer would keep the program', async () => {
    const { signal, wait, stop } = watch()
    wait()
    stop()
    wait()
    await sleep(80)
    expect(signal.aborted).to.equal(false)
  })
})
