import { expect } from 'chai'
import { connectionFailure } from '../../../src/core/server/connection-log.js'
import { keepingLog } from '../fake-frontend.js'

describe('connection log', () => {
  it('logs one broken connection a second, and how many it suppressed', () => {
    const { log, events } = keepingLog()
    let now = 0
    const note = connectionFailure(log, () => now)
    for (now = 0; now < 2_000; now += 100) note({ code: 11, message: 'too much' }, '192.0.2.7')
    const line = { level: 'info', message: 'connection', code: 11, why: 'too much', peer: '192.0.2.7' }
    expect(events.map((event) => Object.fromEntries(Object.entries(event)))).to.deep.equal([
      { ...line, suppressed: 0 },
      { ...line, suppressed: 9 },
    ])
  })
})
