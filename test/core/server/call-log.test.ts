import { expect } from 'chai'
import { invalidField, VaultError } from '../../../src/core/errors.js'
import { type AnyMethod, callLogger, outcomeOf, streamCounts } from '../../../src/core/server/call-log.js'
import { keepingLog } from '../fake-frontend.js'
import { definition } from '../fake-streams.js'

describe('the log line of a call', () => {
  const levelsOf = (changes: Partial<AnyMethod> = {}) => {
    const { log, events } = keepingLog()
    const logCall = callLogger(log, { ...(definition.watch as unknown as AnyMethod), ...changes }, 'r')
    logCall('info', { status: 'OK' })
    logCall('info', { status: 'STORE_UNAVAILABLE' })
    logCall('error', { status: 'INTERNAL' })
    return events.map(({ level, status }) => [level, status])
  }

  it('has the given level', () => {
    expect(levelsOf()).to.deep.equal([
      ['info', 'OK'],
      ['info', 'STORE_UNAVAILABLE'],
      ['error', 'INTERNAL'],
    ])
  })

  it('has the level debug when a quiet method succeeds, and the given level when it fails', () => {
    expect(levelsOf({ isQuiet: true })).to.deep.equal([
      ['debug', 'OK'],
      ['info', 'STORE_UNAVAILABLE'],
      ['error', 'INTERNAL'],
    ])
  })
})

describe('the log fields of an error', () => {
  it('are the reason alone when the message is its standard one', () => {
    expect(outcomeOf(new VaultError('RECORD_NOT_FOUND'))).to.deep.equal({ status: 'RECORD_NOT_FOUND' })
  })

  it('have a message that differs from the standard one', () => {
    const status = 'INVALID_REQUEST'
    const why = 'user_id: must be set'
    expect(outcomeOf(invalidField('user_id', 'must be set'))).to.deep.equal({ status, why })
    expect(outcomeOf(new VaultError(status, { message: why, cause: 'inner' }))).to.include({ why, cause: 'inner' })
  })

  it('have no cause with the same text, such as the error of another server', () => {
    const message = 'there is a record of that name'
    for (const cause of [new Error(`6 ALREADY_EXISTS: ${message}`), { code: 6, message, details: [] }])
      expect(outcomeOf(new VaultError('ALREADY_EXISTS', { cause }))).to.deep.equal({ status: 'ALREADY_EXISTS' })
  })

  it('have the last step of a failed connection of grpc-js', () => {
    const story =
      '14 UNAVAILABLE: round_robin: No connection established. Last error: No connection established. ' +
      'Last error: Error: connect ECONNREFUSED 127.0.0.1:8888. Resolution note: '
    const error = new VaultError('BACKEND_UNAVAILABLE', { cause: new Error('outer', { cause: new Error(story) }) })
    expect(outcomeOf(error)).to.deep.include({ cause: 'connect ECONNREFUSED 127.0.0.1:8888' })
  })

  it('have the complete cause of an error that needs an operator', () => {
    const cause = new TypeError('bug')
    expect(outcomeOf(new VaultError('INTERNAL', { cause }))).to.deep.equal({ status: 'INTERNAL', cause })
    expect(outcomeOf(new VaultError('RECORD_CORRUPT', { cause }))).to.include({ cause })
  })
})

describe('stream counts', () => {
  const method = definition.talk as unknown as AnyMethod
  const frame = (bytes: number) => Buffer.alloc(bytes)

  it('count messages and bytes in each direction', () => {
    const counts = streamCounts(method)
    counts.countRequest(frame(3))
    counts.countRequest(frame(4))
    counts.countResponse({}, frame(5))
    expect(counts.fields()).to.deep.equal({ requests: 2, requestBytes: 7, responses: 1, responseBytes: 5 })
  })

  it('count the items of a method that has them, from zero', () => {
    const done = { $case: 'stored' }
    const error = { $case: 'error' }
    const counts = streamCounts({ ...method, outcomesOf: (response) => response as { $case: string }[] })
    expect(counts.fields()).to.include({ items: 0, failedItems: 0 })
    counts.countResponse([done, error, done], frame(1))
    counts.countResponse([error, undefined], frame(1))
    expect(counts.fields()).to.include({ responses: 2, items: 5, failedItems: 2 })
  })
})
