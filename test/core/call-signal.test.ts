import { expect } from 'chai'
import { AbortableSignal } from '../../src/core/call-signal.js'

describe('call signal', () => {
  it('tells those who listen, once, and why', () => {
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

  it('does not tell those who have left, nor those who come too late', () => {
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

  it('does not tell one who leaves because another was events', () => {
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
