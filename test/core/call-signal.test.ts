import { expect } from 'chai'
import { CallEnd } from '../../src/core/call-signal.js'

describe('call signal', () => {
  it('tells those who listen, once, and why', () => {
    const end = new CallEnd()
    const told: unknown[] = []
    end.addEventListener('abort', () => told.push(end.reason))
    end.addEventListener('abort', () => told.push(end.aborted))
    expect(end).to.include({ aborted: false, reason: undefined })
    end.throwIfAborted()
    end.abort('first')
    end.abort('second')
    expect(told).to.deep.equal(['first', true])
    expect(() => end.throwIfAborted()).to.throw('first')
  })

  it('does not tell those who have left, nor those who come too late', () => {
    const end = new CallEnd()
    const told: string[] = []
    const leaving = () => told.push('leaving')
    end.addEventListener('abort', leaving)
    end.addEventListener('abort', () => told.push('staying'))
    end.removeEventListener('abort', leaving)
    end.removeEventListener('abort', () => told.push('never came'))
    end.abort('over')
    end.addEventListener('abort', () => told.push('late'))
    expect(told).to.deep.equal(['staying'])
  })

  it('does not tell one who leaves because another was told', () => {
    const end = new CallEnd()
    const told: string[] = []
    const other = () => told.push('other')
    end.addEventListener('abort', () => end.removeEventListener('abort', other))
    end.addEventListener('abort', other)
    end.addEventListener('abort', () => told.push('last'))
    end.abort('over')
    expect(told).to.deep.equal(['last'])
  })
})
