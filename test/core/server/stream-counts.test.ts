import { expect } from 'chai'
import type { AnyMethod } from '../../../src/core/server/call-log.js'
import { streamCounts } from '../../../src/core/server/stream-counts.js'
import { definition } from '../fake-streams.js'

const method = definition.talk as unknown as AnyMethod
const frame = (bytes: number) => Buffer.alloc(bytes)

describe('counts of a stream', () => {
  it('are of messages and bytes, each way', () => {
    const counts = streamCounts(method)
    counts.received(frame(3))
    counts.received(frame(4))
    counts.answered({}, frame(5))
    expect(counts.all()).to.deep.equal({ requests: 2, requestBytes: 7, responses: 1, responseBytes: 5 })
  })

  it('are of items too where a method has them, also when there were none', () => {
    const done = { $case: 'stored' }
    const error = { $case: 'error' }
    const counts = streamCounts({ ...method, outcomesOf: (response) => response as { $case: string }[] })
    expect(counts.all()).to.include({ items: 0, failedItems: 0 })
    counts.answered([done, error, done], frame(1))
    counts.answered([error, undefined], frame(1))
    expect(counts.all()).to.include({ responses: 2, items: 5, failedItems: 2 })
  })
})
