import { expect } from 'chai'
import { ConnectionError } from '../../../src/core/http2/protocol.js'
import { connectionFailure } from '../../../src/core/server/connection-log.js'
import { keepingLog } from '../fake-frontend.js'

describe('broken note', () => {
  it('tells of one broken connection a second, and how many it did not tell of', () => {
    const { log, events } = keepingLog()
    let now = 0
    const note = connectionFailure(log, () => now)
    for (now = 0; now < 2_000; now += 100) note(new ConnectionError(11, 'too much'), '192.0.2.7')
    const line = { level: 'info', message: 'connection', code: 11, why: 'too much', peer: '192.0.2.7' }
    expect(events.map((event) => Object.fromEntries(Object.entries(event)))).to.deep.equal([
      { ...line, unsaid: 0 },
      { ...line, unsaid: 9 },
    ])
  })
})
