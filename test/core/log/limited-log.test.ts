import { expect } from 'chai'
import { limitedLog } from '../../../src/core/log/limited-log.js'
import { keepingLog } from '../fake-frontend.js'

describe('limited log', () => {
  it('writes one line a second, and how many it left out', () => {
    const { log, events } = keepingLog()
    let now = 0
    const note = limitedLog(log, { level: 'info', event: 'connection' }, { now: () => now })
    for (now = 0; now < 2_000; now += 100) note({ code: 11, why: 'too much', peer: '192.0.2.7' })
    const line = { level: 'info', message: 'connection', code: 11, why: 'too much', peer: '192.0.2.7' }
    expect(events.map((event) => Object.fromEntries(Object.entries(event)))).to.deep.equal([
      { ...line, suppressed: 0 },
      { ...line, suppressed: 9 },
    ])
  })

  it('writes the last of the lines that were left out, and how many there were', async () => {
    const { log, events } = keepingLog()
    const note = limitedLog(log, { level: 'info', event: 'connection' }, { pauseMs: 10 })
    for (let at = 0; at < 5; at += 1) note({ at })
    while (events.length < 2) await new Promise((resolve) => setImmediate(resolve))
    const line = { level: 'info', message: 'connection' }
    expect(events.map((event) => Object.fromEntries(Object.entries(event)))).to.deep.equal([
      { ...line, at: 0, suppressed: 0 },
      { ...line, at: 4, suppressed: 3 },
    ])
  })
})
