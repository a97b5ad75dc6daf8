import { expect } from 'chai'
import { invalidField, VaultError } from '../../../src/core/errors.js'
import { type AnyMethod, callNote, outcomeOf } from '../../../src/core/server/call-log.js'
import { keepingLog } from '../fake-frontend.js'
import { definition } from '../fake-streams.js'

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

describe('how a call ended', () => {
  it('is said by the reason alone where that says all', () => {
    expect(outcomeOf(new VaultError('RECORD_NOT_FOUND'))).to.deep.equal({ status: 'RECORD_NOT_FOUND' })
  })

  it('has the words of an error that has its own', () => {
    const status = 'INVALID_REQUEST'
    const why = 'user_id: must be set'
    expect(outcomeOf(invalidField('user_id', 'must be set'))).to.deep.equal({ status, why })
    expect(outcomeOf(new VaultError(status, { message: why, cause: 'inner' }))).to.include({ why, cause: 'inner' })
  })

  it('has no cause that says the same again, as that of an error from another server', () => {
    const message = 'there is a record of that name'
    for (const cause of [new Error(`6 ALREADY_EXISTS: ${message}`), { code: 6, message, details: [] }])
      expect(outcomeOf(new VaultError('ALREADY_EXISTS', { cause }))).to.deep.equal({ status: 'ALREADY_EXISTS' })
  })

  it('has the end of the long story that grpc-js tells of a connection', () => {
    const story =
      '14 UNAVAILABLE: round_robin: No connection established. Last error: No connection established. ' +
      'Last error: Error: connect ECONNREFUSED 127.0.0.1:8888. Resolution note: '
    const error = new VaultError('BACKEND_UNAVAILABLE', { cause: new Error('outer', { cause: new Error(story) }) })
    expect(outcomeOf(error)).to.deep.include({ cause: 'connect ECONNREFUSED 127.0.0.1:8888' })
  })

  it('has the cause as it is where that is for an operator', () => {
    const cause = new TypeError('bug')
    expect(outcomeOf(new VaultError('INTERNAL', { cause }))).to.deep.equal({ status: 'INTERNAL', cause })
    expect(outcomeOf(new VaultError('RECORD_CORRUPT', { cause }))).to.include({ cause })
  })
})
