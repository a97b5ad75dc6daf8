import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import {
  byteProgressText,
  formatBytes,
  formatDuration,
  progressLine,
  recordProgressText,
} from '../../../src/cli/terminal/progress.js'
import { fakeTerminal } from '../fake-terminal.js'

const pace = { recordsPerSecond: 1234.4, bytesPerSecond: 10 }

describe('progress', () => {
  it('says how much, how fast and how long', () => {
    const position = { done: 4210, failed: 0, bytes: 420, totalBytes: 1000 }
    expect(recordProgressText('imported', position, pace)).to.equal('4210 imported, 42 %, 1234/s, 58 s left')
    expect(recordProgressText('imported', { ...position, failed: 3 }, pace)).to.include('4210 imported, 3 failed, 42 %')
  })

  it('says nothing of what it does not know', () => {
    const unknown = { recordsPerSecond: 0, bytesPerSecond: 0 }
    expect(recordProgressText('exported', { done: 7, failed: 0 }, pace)).to.equal('7 exported, 1234/s')
    expect(recordProgressText('exported', { done: 0, failed: 0, bytes: 0, totalBytes: 0 }, unknown)).to.equal(
      '0 exported',
    )
  })

  it('counts one long record in bytes', () => {
    const position = { done: 0, failed: 0, bytes: 310_500_000, totalBytes: 1_000_000_000 }
    const fast = { recordsPerSecond: 0, bytesPerSecond: 31_234_567 }
    expect(byteProgressText('uploaded', position, fast)).to.equal('310.5 MB uploaded, 31 %, 31.2 MB/s, 23 s left')
    expect(byteProgressText('uploaded', { done: 0, failed: 0, bytes: 7 }, pace)).to.equal(
      '7 bytes uploaded, 10 bytes/s',
    )
    expect([999, 1000, 999_949, 999_950, 5e12, 5e15].map(formatBytes)).to.deep.equal([
      '999 bytes',
      '1.0 kB',
      '999.9 kB',
      '1.0 MB',
      '5.0 TB',
      '5000.0 TB',
    ])
  })

  it('has words for any time', () => {
    expect([0.2, 59, 60, 3599.1, 3600, 90_000].map(formatDuration)).to.deep.equal([
      '1 s',
      '59 s',
      '1 min 0 s',
      '1 h 0 min',
      '1 h 0 min',
      '25 h 0 min',
    ])
  })

  it('is quiet unless standard error is a terminal', () => {
    const terminal = fakeTerminal(['feclient'])
    progressLine('imported', terminal).show({ done: 1, failed: 0 })
    expect(terminal.printed().stderr).to.equal('')
  })

  it('writes over its own line, not too often, and removes it', async () => {
    const terminal = fakeTerminal(['feclient'], { isTTY: true })
    terminal.stderr.columns = 21
    const progress = progressLine('imported', terminal)
    progress.show({ done: 1, failed: 0, bytes: 1, totalBytes: 2 })
    progress.show({ done: 2, failed: 0 })
    await sleep(250)
    progress.show({ done: 1000, failed: 999, bytes: 1, totalBytes: 2 })
    progress.clear()
    progress.clear()
    expect(terminal.printed().stderr).to.equal('\r1 imported, 50 %\u001b[K\r1000 imported, 999 f\u001b[K\r\u001b[K')
  })
})
