import { expect } from 'chai'
import { type AnyMethod, callNote } from '../../src/core/serving.js'
import { keepingLog } from './fake-frontend.js'
import { definition } from './fake-streams.js'

describe('the line of a call', () => {
  const levelsOf = (changes: Partial<AnyMethod> = {}) => {
    const { log, events } = keepingLog()
    const note = callNote(log, { ...(definition.watch as unknown as AnyMethod), ...changes }, 'r')
    note('info', { status: 'OK' })
    note('info', { status: 'STORE_UNAVAILABLE' })
    note('error', { status: 'INTERNAL' })
    return events.map(({ level, status }) => [level, status])
  }

  it('is at the level it is given', () => {
    expect(levelsOf()).to.deep.equal([
      ['info', 'OK'],
      ['info', 'STORE_UNAVAILABLE'],
      ['error', 'INTERNAL'],
    ])
  })

  it('is at debug where a quiet method succeeds, and as ever where it fails', () => {
    expect(levelsOf({ isQuiet: true })).to.deep.equal([
      ['debug', 'OK'],
      ['info', 'STORE_UNAVAILABLE'],
      ['error', 'INTERNAL'],
    ])
  })
})
