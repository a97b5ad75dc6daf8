import { once } from 'node:events'
import { expect } from 'chai'
import { LogStream } from '../../../src/core/log/log-stream.js'
import { standardStream } from '../../standard-stream.js'

const rendered = Symbol.for('message')

function write(log: LogStream, line: string, level = 'info'): void {
  log.write({ level, [rendered]: line })
}

function writeTimes(count: number, log: LogStream, line: string): void {
  for (let at = 0; at < count; at += 1) write(log, line)
}

function lostIn(lines: string[]): number {
  const events = lines.flatMap((text) => text.split('\n')).filter((line) => line.includes('events lost'))
  return events.map((line) => JSON.parse(line).events as number).reduce((sum, lost) => sum + lost, 0)
}

function errorOf(code: string): Error {
  return Object.assign(new Error(`${code}: no words`), { code })
}

describe('log stream', () => {
  it('writes the lines of its level and more severe ones, and leaves the output open', async () => {
    const written: string[] = []
    const stdout = standardStream((text, done) => {
      written.push(`${text}`)
      done()
    })
    const log = new LogStream(stdout, 'info')
    write(log, 'a')
    write(log, 'b', 'debug')
    write(log, 'c', 'error')
    log.end()
    await once(log, 'finish')
    expect(written.join('')).to.equal('a\nc\n')
    expect(stdout.writableEnded).to.equal(false)
  })

  it('keeps at most 8 MiB for a reader that has stopped, and counts the rest', async () => {
    const written: string[] = []
    const waiting: (() => void)[] = []
    let stuck = true
    const stdout = standardStream((text, done) => {
      written.push(`${text}`)
      if (stuck) waiting.push(done)
      else done()
    })
    const log = new LogStream(stdout, 'info')
    writeTimes(3_000, log, 'x'.repeat(10_000))
    expect(stdout.writableLength).to.be.within(8 * 1024 * 1024, 8 * 1024 * 1024 + 20_000)
    stuck = false
    for (const done of waiting) done()
    write(log, 'last')
    log.end()
    await once(log, 'finish')
    const lines = written.join('').split('\n')
    expect(lines.filter((line) => line.startsWith('x')).length + lostIn(written)).to.equal(3_000)
    expect(lines.slice(-2)).to.deep.equal(['last', ''])
  })

  it('loses lines while the output is full, and says how many when it takes lines again', async () => {
    const written: string[] = []
    let full = true
    const stdout = standardStream((text, done) => {
      if (!full) written.push(`${text}`)
      done(full ? errorOf('ENOSPC') : null)
    })
    const log = new LogStream(stdout, 'info')
    writeTimes(7, log, 'line')
    await new Promise((resolve) => setImmediate(resolve))
    full = false
    write(log, 'again')
    log.end()
    await once(log, 'finish')
    expect(lostIn(written)).to.equal(7)
    expect(written.join('')).to.match(/again\n$/)
  })

  it('writes nothing more when the reader has gone', async () => {
    let writes = 0
    const stdout = standardStream((_text, done) => {
      writes += 1
      done(errorOf('EPIPE'))
    })
    const log = new LogStream(stdout, 'info')
    write(log, 'line')
    await new Promise((resolve) => setImmediate(resolve))
    writeTimes(100, log, 'line')
    expect(writes).to.equal(1)
    log.end()
    await once(log, 'finish')
  })

  it('ends although its reader has stopped', async () => {
    const log = new LogStream(
      standardStream(() => undefined),
      'info',
    )
    writeTimes(3, log, 'line')
    log.end()
    await once(log, 'finish')
  })
})
