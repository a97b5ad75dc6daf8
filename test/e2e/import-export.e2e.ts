import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { pause, until } from './calls.js'
import { describeEngines } from './engines.js'
import { ended, startFeclient } from './feclient.js'
import { lastingPort, type Server, sandbox } from './processes.js'

interface Line {
  user: string
  name: string
  data: string
  key_id: string
  record_key: string
  line: number
}

// A generator of our own, so that a failure can be looked at again.
function bytesOf(at: number): Buffer {
  const bytes = Buffer.alloc(at % 97 === 0 ? 20_000 + at : at % 700)
  let state = at + 1
  for (let index = 0; index < bytes.length; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[index] = state >>> 16
  }
  return bytes
}

function inputLine(at: number): string {
  const mode = ['client', 'server', 'split'][at % 3]
  const record = { user: `user-${at % 250}`, name: `record ${at}`, data: bytesOf(at).toString('base64'), mode }
  return JSON.stringify(at % 10 === 0 ? { ...record, aad: Buffer.from(`bound to ${at}`).toString('base64') } : record)
}

describeEngines('e2e: import and export', (engine) => {
  const box = sandbox(engine)
  const count = engine === 'level' ? 10_000 : 4_000 // MongoDB takes its time over each
  let backend: Server
  let frontend: Server
  let folder: string
  let port: number

  async function startFrontend(): Promise<void> {
    frontend = await box.frontend({ backend, port, keyringFile: join(folder, 'frontend', 'keyring.json') })
  }

  before(async () => {
    folder = box.folder()
    backend = await box.backend()
    port = await lastingPort()
    await startFrontend()
    writeFileSync(join(folder, 'in.ndjson'), Array.from({ length: count }, (_, at) => `${inputLine(at)}\n`).join(''))
  })

  const feclient = (...args: string[]) => startFeclient(box, { folder, address: frontend.address }, args)

  async function done(...args: string[]) {
    const { code, stdout, stderr } = await ended(feclient(...args, '--json'))
    expect(code, stderr).to.equal(0)
    return JSON.parse(stdout) as {
      imported: number
      exported: number
      skipped: number
      replaced: number
      failed: number
    }
  }

  const sizeOf = (name: string) => (existsSync(join(folder, name)) ? statSync(join(folder, name)).size : 0)
  const linesIn = (name: string) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line)

  /** Starts it, ends it when its file has so many bytes, and returns how many lines it had acknowledged. */
  async function interrupted(args: string[], signal: NodeJS.Signals, [file, bytes]: [string, number]): Promise<number> {
    const child = feclient(...args)
    const end = ended(child)
    await until(() => sizeOf(file) > bytes)
    child.kill(signal)
    expect((await end).code).to.equal(signal === 'SIGINT' ? 130 : null)
    const lines = readFileSync(join(folder, file), 'utf8').split('\n').length - 1
    expect(lines).to.be.within(1, count - 1)
    return lines
  }

  it('takes up an import and an export that were killed, and returns every byte', async function () {
    this.timeout(120_000)
    const importing = ['import', '--in', 'in.ndjson', '--keys-out', 'keys.ndjson']
    const killed = await interrupted(importing, 'SIGKILL', ['keys.ndjson', 30 * count])
    const stopped = await interrupted([...importing, '--resume'], 'SIGINT', ['keys.ndjson', 100 * count])
    expect(stopped).to.be.greaterThan(killed)
    const imported = await done(...importing, '--resume')
    expect(imported).to.include({ failed: 0, skipped: stopped, imported: count - stopped })
    // What was stored and not acknowledged is stored again; it is never more than what may be in flight.
    expect(imported.replaced).to.be.at.most(2 * 256)

    const keys = linesIn('keys.ndjson')
    expect(new Set(keys.map(({ line }) => line)).size).to.equal(count)
    expect(statSync(join(folder, 'keys.ndjson')).mode & 0o777).to.equal(0o600)

    const exporting = ['export', '--keys', 'keys.ndjson', '--out', 'out.ndjson']
    const written = await interrupted(exporting, 'SIGKILL', ['out.ndjson.partial', 300 * count])
    expect(existsSync(join(folder, 'out.ndjson'))).to.equal(false)
    const exported = await done(...exporting, '--resume')
    expect(exported).to.include({ failed: 0, skipped: written, exported: count - written })
    expect(existsSync(join(folder, 'out.ndjson.partial'))).to.equal(false)

    const found = new Map(linesIn('out.ndjson').map((line) => [line.name, line]))
    expect(found.size).to.equal(count)
    for (let at = 0; at < count; at += 1) {
      const { key_id, version: _, stored: __, ...record } = found.get(`record ${at}`) as Line & Record<string, string>
      expect(key_id).to.match(/^[0-9a-f]{32}$/)
      const expected = JSON.parse(inputLine(at)) as Record<string, string>
      expect(record).to.deep.equal(expected)
    }
  })

  it('imports what it exported', async () => {
    const imported = await done('import', '--in', 'out.ndjson', '--keys-out', 'again.ndjson')
    expect(imported).to.include({ imported: count, failed: 0, replaced: count })
  })

  const ends: Record<string, () => Promise<unknown>> = {
    'is killed': () => frontend.stop('SIGKILL'),
    async 'is told to stop twice, which does not wait for calls'() {
      frontend.kill('SIGTERM')
      await pause(300)
      return frontend.stop('SIGTERM')
    },
  }
  for (const [how, endFrontend] of Object.entries(ends)) {
    it(`goes on by itself when the front end ${how}, and comes back`, async function () {
      this.timeout(120_000)
      const keys = `${how.length}.ndjson`
      const end = ended(feclient('import', '--in', 'in.ndjson', '--keys-out', keys, '--json'))
      await until(() => sizeOf(keys) > 30 * count)
      await endFrontend()
      await startFrontend()
      const { code, stdout, stderr } = await end
      expect(code, stderr).to.equal(0)
      expect(JSON.parse(stdout)).to.include({ imported: count, failed: 0 })
      expect(linesIn(keys).map(({ line }) => line)).to.deep.equal(Array.from({ length: count }, (_, at) => at + 1))
    })
  }
})
