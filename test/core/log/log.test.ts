import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { VaultError } from '../../../src/core/errors.js'
import { closeLog, logBounds, openLog, withLogFolder } from '../../../src/core/log/log.js'
import { Secret } from '../../../src/core/secret.js'
import { releaseAll, tempDir } from '../fake-frontend.js'

const config = (dir: string) => ({ level: 'info', dir, stdout: false })

/** What the log file says of one event with these fields. */
async function logged(fields: object): Promise<{ text: string; line: Record<string, unknown> }> {
  const dir = tempDir()
  const log = openLog('be', config(dir))
  log.info('event', fields)
  await closeLog(log)
  const text = readFileSync(join(dir, 'be.log'), 'utf8')
  expect(text.split('\n')).to.have.length(2)
  return { text, line: JSON.parse(text) }
}

describe('log', () => {
  afterEach(releaseAll)

  it('writes one line of JSON with time, level, event, service and fields', async () => {
    const { line } = await logged({ status: 'OK', ms: 1.5 })
    expect(Object.keys(line)).to.eql(['time', 'level', 'event', 'service', 'status', 'ms'])
    expect(line).to.include({ level: 'info', event: 'event', service: 'be', status: 'OK', ms: 1.5 })
    expect(Date.parse(String(line['time']))).to.be.within(Date.now() - 5_000, Date.now())
  })

  const contents = Buffer.from('contents of a record')
  const bytes: Record<string, unknown> = {
    'a Buffer': contents,
    'a Uint8Array': new Uint8Array(contents),
    'a DataView': new DataView(contents.buffer, contents.byteOffset, contents.length),
    'a Buffer deep inside': { request: [{ data: contents }] },
    'a Buffer as the cause of an error': new Error('e', { cause: { data: contents } }),
  }
  for (const [what, value] of Object.entries(bytes)) {
    it(`prints only the length of ${what}`, async () => {
      const { text } = await logged({ value })
      expect(text).to.include('[20 bytes]')
      expect(text)
        .to.not.include('contents')
        .and.not.include([...contents].join(',').slice(0, 12))
        .and.not.include('"Buffer"')
    })
  }

  it('prints only the size of other typed arrays', async () => {
    expect((await logged({ value: Uint16Array.from([1234, 5678]) })).line).to.include({ value: '[4 bytes]' })
  })

  it('prints a Secret as [secret], wherever it is', async () => {
    const secret = new Secret(Buffer.from('hidden'))
    const { text, line } = await logged({ secret, inside: { secret }, cause: new Error('e', { cause: secret }) })
    expect(line)
      .to.include({ secret: '[secret]' })
      .and.nested.include({ 'inside.secret': '[secret]', 'cause.cause': '[secret]' })
    expect(text).to.not.include('hidden').and.not.include(Buffer.from('hidden').toString('base64'))
  })

  it('prints bigints', async () => {
    expect((await logged({ version: 2n ** 60n, deep: [1n] })).line).to.deep.include({
      version: '1152921504606846976',
      deep: ['1'],
    })
  })

  it('prints errors with their stack and their causes', async () => {
    const { line } = await logged({ cause: new VaultError('STORE_FULL', { cause: new TypeError('inner') }) })
    const cause = line['cause'] as Record<string, Record<string, unknown>>
    expect(cause).to.include({ name: 'VaultError', message: 'the store has no space left; try again later' })
    expect(cause['stack']).to.include('log.test.ts')
    expect(cause['cause']).to.include({ name: 'TypeError', message: 'inner' })
  })

  it('limits the chain of causes of errors that refer to each other', async () => {
    const a = new Error('a')
    a.cause = new Error('b', { cause: a })
    const { text, line } = await logged({ cause: a, status: 'INTERNAL' })
    expect(line).to.include({ status: 'INTERNAL' })
    expect(text.match(/"message":"a"/g)).to.have.length.within(1, 5)
  })

  it('prints the rest of an event when a field cannot be printed', async () => {
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    const throwing = {
      get value() {
        throw new Error('no')
      },
    }
    const { line } = await logged({ circle, throwing, cause: new Error('e', { cause: circle }), method: 'm', size: 1n })
    expect(line).to.include({
      circle: '[unprintable]',
      throwing: '[unprintable]',
      cause: '[unprintable]',
      method: 'm',
      size: '1',
    })
  })

  it('cannot be made to write a second line', async () => {
    const forged = 'x\n{"level":"error","event":"forged"}\r\n\u2028\u0000'
    const { line } = await logged({ value: forged, cause: new Error(forged) })
    expect(line).to.include({ event: 'event', level: 'info', value: forged })
  })

  it('leaves out events below its level', async () => {
    const dir = tempDir()
    const log = openLog('be', { ...config(dir), level: 'warn' })
    log.info('quiet')
    log.warn('loud')
    log.error('louder')
    await closeLog(log)
    const events = readFileSync(join(dir, 'be.log'), 'utf8').trim().split('\n')
    expect(events.map((line) => JSON.parse(line).event)).to.eql(['loud', 'louder'])
  })

  it('writes to the data folder by default', () => {
    const data = { folder: '/data/backend', setting: 'backend.dataDir' }
    expect(withLogFolder(data, { level: 'info', dir: '', stdout: true }).dir).to.equal('/data/backend/log')
    expect(withLogFolder(data, { level: 'info', dir: '/var/log/x', stdout: true }).dir).to.equal('/var/log/x')
  })

  it('makes its folder for its owner only', async () => {
    const dir = join(tempDir(), 'data', 'log')
    const log = openLog('be', config(dir))
    await closeLog(log)
    expect(statSync(dir).mode & 0o777).to.equal(0o700)
    expect(statSync(join(dir, 'be.log')).mode & 0o777).to.equal(0o600)
  })

  it('keeps at most 80 MiB', () => {
    expect(logBounds).to.eql({ maxFileBytes: 16 * 1024 * 1024, maxFiles: 5 })
  })

  it('names the file that it cannot write', () => {
    const dir = tempDir()
    mkdirSync(join(dir, 'be.log'))
    expect(() => openLog('be', config(dir)))
      .to.throw(`log.dir: cannot write ${dir}/be.log (EISDIR)`)
      .with.property('reason', 'INVALID_REQUEST')
    chmodSync(dir, 0o700)
    expect(() => openLog('be', config(join(dir, 'be.log', 'x\0')))).to.throw('log.dir: cannot write')
  })

  it('names the setting of a folder that it cannot write', () => {
    const file = join(tempDir(), 'file')
    writeFileSync(file, '')
    const data = { folder: file, setting: 'backend.dataDir' }
    expect(() => openLog('be', withLogFolder(data, config('')))).to.throw(
      `backend.dataDir: cannot write ${file}/log/be.log`,
    )
    expect(() => openLog('be', withLogFolder(data, config(file)))).to.throw(`log.dir: cannot write ${file}/be.log`)
  })

  it('writes all events before the close resolves', async () => {
    const dir = tempDir()
    const log = openLog('be', config(dir))
    for (let index = 0; index < 3_000; index += 1) log.info('event', { index })
    await closeLog(log)
    expect(readFileSync(join(dir, 'be.log'), 'utf8').trim().split('\n')).to.have.length(3_000)
  })

  it('closes when silent, when empty, and twice, and ignores a late event', async () => {
    const silent = openLog('be', config(''))
    silent.info('unheard')
    const dir = tempDir()
    const empty = openLog('be', config(dir))
    for (const log of [silent, empty]) {
      const closing = closeLog(log)
      log.error('late')
      await closing
      await closeLog(log)
      log.error('late', { cause: new Error('late') })
      await new Promise(setImmediate)
    }
    expect(existsSync(join(dir, 'be.log'))).to.equal(true)
  })

  it('writes all levels to standard output, and no file, when so configured', () => {
    const source = new URL('../../../src/core/log/log.js', import.meta.url).href
    const script = `
      const { openLog, closeLog } = await import(${JSON.stringify(source)})
      const log = openLog('be', { level: 'info', dir: '', stdout: true })
      log.info('one'); log.error('two')
      await closeLog(log)`
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      encoding: 'utf8',
    })
    expect(stderr).to.equal('')
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).event),
    ).to.eql(['one', 'two'])
  })
})
