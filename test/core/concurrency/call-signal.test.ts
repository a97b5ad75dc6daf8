import { expect } from 'chai'
import { AbortableSignal } from '../../../src/core/concurrency/call-signal.js'

describe('call signal', () => {
  it('calls its listeners once, with the reason set', () => {
    const signal = new AbortableSignal()
    const events: unknown[] = []
    signal.addEventListener('abort', () => events.push(signal.reason))
    signal.addEventListener('abort', () => events.push(signal.aborted))
    expect(signal).to.include({ aborted: false, reason: undefined })
    signal.throwIfAborted()
    signal.abort('first')
    signal.abort('second')
    expect(events).to.deep.equal(['first', true])
    expect(() => signal.throwIfAborted()).to.throw('first')
  })

  it('does not call removed listeners, nor late ones', () => {
    const signal = new AbortableSignal()
    const events: string[] = []
    const leaving = () => events.push('leaving')
    signal.addEventListener('abort', leaving)
    signal.addEventListener('abort', () => events.push('staying'))
    signal.removeEventListener('abort', leaving)
    signal.removeEventListener('abort', () => events.push('never came'))
    signal.abort('over')
    signal.addEventListener('abort', () => events.push('late'))
    expect(events).to.deep.equal(['staying'])
  })

  it('does not call a listener that another one removes', () => {
    const signal = new AbortableSignal()
    const events: string[] = []
    const other = () => events.push('other')
    signal.addEventListener('abort', () => signal.removeEventListener('abort', other))
    signal.addEventListener('abort', other)
    signal.addEventListener('abort', () => events.push('last'))
    signal.abort('over')
    expect(events).to.deep.equal(['last'])
  })
})
