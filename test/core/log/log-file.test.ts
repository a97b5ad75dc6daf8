import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { expect } from 'chai'
import { LogFile } from '../../../src/core/log/log-file.js'
import { atEnd, releaseAll, tempDir } from '../fake-frontend.js'

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

const roomy = { maxFileBytes: 1_000_000, maxFiles: 5 }
const rendered = Symbol.for('message')

async function close(file: LogFile): Promise<void> {
  file.end()
  await finished(file)
}

function write(file: LogFile, ...lines: string[]): void {
  for (const line of lines) file.write({ level: 'info', [rendered]: line })
}

/** The lines that are written to standard error until the test ends. */
function standardError(): string[] {
  const lines: string[] = []
  const original = process.stderr.write
  process.stderr.write = ((text: string) => {
    lines.push(text)
    return true
  }) as typeof process.stderr.write
  atEnd(() => {
    process.stderr.write = original
  })
  return lines
}

describe('log file', () => {
  let dir: string
  let path: string
  const read = (name = 'x.log') => readFileSync(join(dir, name), 'utf8')
  beforeEach(() => {
    dir = tempDir()
    path = join(dir, 'x')
  })
  afterEach(releaseAll)

  it('writes lines in order, and ends after the last', async () => {
    const file = new LogFile(path, 'info', roomy)
    const lines = Array.from({ length: 5_000 }, (_, index) => `line ${index}`)
    write(file, ...lines)
    await close(file)
    expect(read()).to.equal(lines.map((line) => `${line}\n`).join(''))
  })

  it('appends to the file of an earlier process, for its owner only', async () => {
    writeFileSync(`${path}.log`, 'before\n')
    const first = new LogFile(path, 'info', roomy)
    write(first, 'after')
    await close(first)
    expect(read()).to.equal('before\nafter\n')
    const fresh = new LogFile(join(dir, 'y'), 'info', roomy)
    await close(fresh)
    expect(statSync(join(dir, 'y.log')).mode & 0o777).to.equal(0o600)
  })

  it('gathers lines, but writes severe lines, many lines and the last lines at once', async () => {
    const file = new LogFile(path, 'info', { ...roomy, gatherMs: 3_600_000 })
    write(file, 'one')
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(read()).to.equal('')
    file.write({ level: 'warn', [rendered]: 'two' })
    await until(() => read() === 'one\ntwo\n')
    file.write({ level: 'error', [rendered]: 'three' })
    await until(() => read().endsWith('three\n'))
    write(file, 'x'.repeat(64 * 1024))
    await until(() => read().endsWith('x\n'))
    write(file, 'last')
    await close(file)
    expect(read().endsWith('x\nlast\n')).to.equal(true)
  })

  it('writes gathered lines after a moment', async () => {
    const file = new LogFile(path, 'info', roomy)
    write(file, 'one')
    await until(() => read() === 'one\n')
    await close(file)
  })

  it('rotates before a file exceeds its limit, and keeps a limited number of files', async () => {
    const file = new LogFile(path, 'info', { maxFileBytes: 20, maxFiles: 3 })
    for (let index = 0; index < 7; index += 1) {
      write(file, `line ${index}`, `more ${index}`)
      await until(() => read().endsWith(`more ${index}\n`))
    }
    await close(file)
    expect(readdirSync(dir).sort()).to.eql(['x.1.log', 'x.2.log', 'x.log'])
    expect([read('x.2.log'), read('x.1.log'), read()]).to.eql([
      'line 4\nmore 4\n',
      'line 5\nmore 5\n',
      'line 6\nmore 6\n',
    ])
  })

  it('counts the bytes of an earlier process', async () => {
    writeFileSync(`${path}.log`, 'x'.repeat(19))
    const file = new LogFile(path, 'info', { maxFileBytes: 20, maxFiles: 2 })
    write(file, 'new')
    await close(file)
    expect([read('x.1.log'), read()]).to.eql(['x'.repeat(19), 'new\n'])
  })

  it('writes to a new file after another program has renamed it, and loses no line', async () => {
    const file = new LogFile(join(dir, 'a'), 'info', { ...roomy, gatherMs: 0 })
    const numbers = Array.from({ length: 200 }, (_, at) => `${at}`)
    for (const number of numbers) {
      write(file, number)
      if (number === '100') {
        renameSync(join(dir, 'a.log'), join(dir, 'moved'))
        file.reopen()
      }
    }
    await close(file)
    const linesOf = (name: string) => readFileSync(join(dir, name), 'utf8').split('\n').slice(0, -1)
    expect([...linesOf('moved'), ...linesOf('a.log')]).to.deep.equal(numbers)
    expect(linesOf('a.log')).to.include('199')
  })

  it('keeps its file when the name cannot be opened anew', async () => {
    const told = standardError()
    const file = new LogFile(join(dir, 'a'), 'info', roomy)
    renameSync(join(dir, 'a.log'), join(dir, 'moved'))
    mkdirSync(join(dir, 'a.log'))
    file.reopen()
    write(file, 'kept')
    await close(file)
    expect(readFileSync(join(dir, 'moved'), 'utf8')).to.equal('kept\n')
    expect(told).to.have.length(1)
  })

  it('loses no line while it rotates', async () => {
    const file = new LogFile(path, 'info', { maxFileBytes: 2_000, maxFiles: 1_000 })
    for (let index = 0; index < 5_000; index += 1) {
      write(file, String(index))
      if (index % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
    }
    await close(file)
    const numbers = readdirSync(dir).flatMap((name) => read(name).trim().split('\n').map(Number))
    expect(readdirSync(dir)).to.have.length.above(3)
    expect(numbers.sort((a, b) => a - b)).to.eql(Array.from({ length: 5_000 }, (_, index) => index))
  })

  it('survives a failing disk, reports it once, and counts the lost lines afterwards', async () => {
    const said = standardError()
    const file = new LogFile(path, 'info', { maxFileBytes: 10, maxFiles: 2, gatherMs: 0 })
    write(file, 'first line')
    await until(() => read() === 'first line\n')
    rmSync(dir, { recursive: true })
    for (const line of ['lost 1', 'lost 2']) {
      write(file, line)
      await new Promise((resolve) => setTimeout(resolve, 20))
      for (let queued = 0; queued < 50; queued += 1) await access(dir).catch(() => undefined) // behind the file's own
    }
    mkdirSync(dir)
    write(file, 'back')
    await close(file)
    expect(said).to.eql([`cannot write ${path}.log (ENOENT); events are lost\n`])
    const [back, note] = read().trim().split('\n')
    expect(back).to.equal('back')
    expect(JSON.parse(note!)).to.include({ level: 'error', event: 'events lost', events: 2 })
  })

  it('limits its memory while the disk is slow, and counts the dropped lines', async () => {
    const file = new LogFile(path, 'info', { maxFileBytes: 1e9, maxFiles: 2 })
    const line = 'x'.repeat(1024 * 1024)
    write(file, ...Array(20).fill(line))
    await until(() => statSync(`${path}.log`).size >= 8 * 1024 * 1024)
    await new Promise((resolve) => setTimeout(resolve, 100))
    write(file, 'later')
    await close(file)
    const lines = read().trim().split('\n')
    expect(lines.filter((each) => each === line)).to.have.length(8)
    expect(lines.filter((each) => each.includes('"events":12'))).to.have.length(1)
  })

  it('ends without any line, and when the disk fails at the end', async () => {
    await close(new LogFile(path, 'info', roomy))
    standardError()
    const file = new LogFile(path, 'info', { maxFileBytes: 1, maxFiles: 2, gatherMs: 0 })
    write(file, 'a')
    await until(() => read() === 'a\n')
    rmSync(dir, { recursive: true })
    write(file, 'b')
    await close(file)
  })

  it('throws when the file cannot be opened', () => {
    expect(() => new LogFile(join(dir, 'no', 'x'), 'info', roomy)).to.throw('ENOENT')
  })
})
