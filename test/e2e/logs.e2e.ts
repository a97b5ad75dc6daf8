// What the servers log: one line per request, in the data folder, and nothing that a request was about.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { type FrontendClient, KeyMode } from '../../src/frontend/client.js'
import { eventsIn, eventsOf, plainClient, refusal, storeOnce, until } from './calls.js'
import { repoFolder, type Server, sandbox } from './processes.js'

const userId = 'user-id-7f3a9c'
const recordName = 'record-name-51d2e8'
const content = Buffer.from('content-e4b80f-'.repeat(20))
const callerAad = Buffer.from('caller-aad-c6a913')

/** A text in the forms in which it could end up in a log. */
function formsOf(text: string): string[] {
  const bytes = Buffer.from(text)
  const base64 = bytes.toString('base64').replace(/.?.?=*$/, '') // the last group depends on what follows
  const inner = bytes.subarray(1).toString('base64').slice(4, -4)
  return [text, bytes.toString('hex'), base64, bytes.toString('base64url').slice(0, -2), inner]
}

describe('e2e: logs', () => {
  const box = sandbox()
  let folder: string
  let backend: Server
  let frontend: Server
  let client: FrontendClient
  const tokens: string[] = []
  const expected = new Map<string, string>()

  before(async () => {
    folder = box.folder()
    const set = { 'log.level': 'debug' }
    backend = await box.backend({ dataDir: join(folder, 'backend'), set })
    frontend = await box.frontend({ backend, keyringFile: join(folder, 'frontend', 'keyring.json'), set })
    client = box.client(frontend)
  })

  const frontendEvents = () => eventsIn(join(folder, 'frontend', 'log', 'feserver.log'))
  const backendEvents = () => eventsIn(join(folder, 'backend', 'log', 'beserver.log'))

  /** Makes a call that is expected to be logged with that status, once. */
  async function make(status: string, call: (options: { requestId: string }) => Promise<unknown>): Promise<void> {
    const requestId = `request-${expected.size}`
    expected.set(requestId, status)
    if (status === 'OK') await call({ requestId })
    else expect((await refusal(call({ requestId }))).reason).to.equal(status)
  }

  it('have one line per request, with its method, status, duration, sizes and request id', async () => {
    const name = { userId, recordName }
    await make('OK', async (options) => {
      tokens.push((await client.storeRecord({ ...name, data: content, callerAad }, options)).recordKey)
    })
    await make('OK', (options) =>
      client.retrieveRecord({ ...name, recordKey: tokens[0] as string, callerAad }, options),
    )
    await make('RECORD_KEY_MISMATCH', (options) => client.retrieveRecord({ ...name, callerAad }, options))
    await make('RECORD_KEY_MISMATCH', (options) =>
      client.retrieveRecord({ ...name, recordKey: tokens[0] as string }, options),
    )
    await make('INVALID_REQUEST', (options) =>
      client.retrieveRecord({ ...name, recordKey: (tokens[0] as string).slice(0, -1) }, options),
    )
    await make('INVALID_REQUEST', (options) =>
      client.storeRecord({ userId: userId.repeat(100), data: content }, options),
    )
    await make('RECORD_NOT_FOUND', (options) =>
      client.retrieveRecord({ userId, recordName: `${recordName}-2` }, options),
    )
    await make('OK', (options) =>
      client.storeRecord({ userId, keyMode: KeyMode.KEY_MODE_SERVER, data: content }, options),
    )
    await make('OK', (options) => client.listRecords({ userId }, options))
    await make('INVALID_REQUEST', (options) => client.listRecords({ userId, pageToken: `${userId}` }, options))
    await make('OK', (options) => client.deleteRecord(name, options))
    await make('RECORD_NOT_FOUND', (options) => client.deleteRecord(name, options))

    await until(() => frontendEvents().filter(({ event }) => event === 'call').length >= expected.size)
    for (const [requestId, status] of expected) {
      const lines = frontendEvents().filter((line) => line.requestId === requestId)
      expect(lines, requestId).to.have.length(1)
      const [line] = lines
      expect(line).to.include({ level: 'info', service: 'feserver', event: 'call', status })
      expect(line?.method).to.match(/^\/encserver\.v1\.FrontendService\/\w+$/)
      expect(line?.ms).to.be.a('number').and.to.be.within(0, 10_000)
      expect(line?.['requestBytes']).to.be.a('number').and.to.be.greaterThan(0)
      if (status === 'OK') expect(line?.['responseBytes']).to.be.a('number').and.to.be.greaterThan(0)
      expect(Date.parse(line?.['time'] as string)).to.be.closeTo(Date.now(), 60_000)
    }
  })

  it('carry the request id to the back end', () => {
    const stored = backendEvents().filter(({ requestId }) => requestId === 'request-0')
    expect(stored.map(({ method, status }) => ({ method, status }))).to.deep.equal([
      { method: '/encserver.v1.BackendService/StoreEnvelope', status: 'OK' },
    ])
  })

  it('never hold an id, a name, a token or contents, in any form', async () => {
    // A broken frame, and a method that is not there: what gRPC itself may say of them.
    const plain = plainClient(box, frontend.address)
    const broken = Buffer.concat([Buffer.from([0x0a, 0xff, 0x01]), Buffer.from(userId)])
    await new Promise((resolve) => {
      const path = '/encserver.v1.FrontendService/StoreRecord'
      plain.makeUnaryRequest(
        path,
        (bytes: Buffer) => bytes,
        (bytes) => bytes,
        broken,
        (error) => resolve(error),
      )
    })
    await storeOnce(plain, { userId, data: content }, Date.now() + 5_000)
    await until(() => frontendEvents().filter(({ event }) => event === 'call').length >= expected.size + 2)

    const { pseudonym_keys: keys } = JSON.parse(readFileSync(join(folder, 'frontend', 'keyring.json'), 'utf8'))
    const secrets = [userId, recordName, content.toString(), callerAad.toString(), ...tokens, keys[0].key as string]
    expect(tokens[0]).to.have.length.greaterThan(40)
    const written = {
      'front end file': JSON.stringify(frontendEvents()),
      'front end stdout': frontend.stdout(),
      'front end stderr': frontend.stderr(),
      'back end file': JSON.stringify(backendEvents()),
      'back end stdout': backend.stdout(),
      'back end stderr': backend.stderr(),
    }
    for (const [place, text] of Object.entries(written)) {
      expect(text.length, place).to.be.greaterThan(50)
      for (const form of secrets.flatMap((secret) => [...formsOf(secret), ...formsOf(secret.slice(0, 12))])) {
        expect(text.includes(form), `${place} has ${form}`).to.equal(false)
      }
    }
  })

  it('have no event and no field that their page does not name', async () => {
    for await (const { error } of client.storeRecords([{ itemId: 'i', record: { userId: '', data: Buffer.alloc(0) } }]))
      expect(error).to.exist
    await until(() => frontendEvents().some(({ failedItems }) => failedItems === 1))
    const page = readFileSync(join(repoFolder, 'docs', 'operations', 'logs.md'), 'utf8')
    const written = [...frontendEvents(), ...backendEvents()].flatMap((line) => [line.event, ...Object.keys(line)])
    expect(written).to.include.members(['start', 'call', 'item', 'why', 'failedItems'])
    for (const word of new Set(written)) expect(page).to.include(`\`${word}\``)
  })

  it('lie in the data folder, for the owner alone, and on standard output too', () => {
    for (const [name, server] of Object.entries({ backend, frontend })) {
      const logFolder = join(folder, name, 'log')
      expect(statSync(logFolder).mode & 0o777).to.equal(0o700)
      expect(readdirSync(logFolder)).to.deep.equal([`${server.program}.log`])
      expect(statSync(join(logFolder, `${server.program}.log`)).mode & 0o777).to.equal(0o600)
      expect(eventsOf(server.stdout())).to.deep.equal(eventsIn(join(logFolder, `${server.program}.log`)))
    }
  })

  it('respect ENC_SERVER_LOG_DIR and ENC_SERVER_LOG_STDOUT', async () => {
    const place = box.folder()
    const env = { ENC_SERVER_LOG_DIR: join(place, 'logs'), ENC_SERVER_LOG_STDOUT: 'false' }
    const quiet = await box.backend({ dataDir: join(place, 'backend'), env })
    const keyringFile = join(place, 'frontend', 'keyring.json')
    const above = await box.frontend({ backend: quiet, keyringFile, env })
    await box.client(above).storeRecord({ userId, data: Buffer.alloc(0) })
    await above.stop()
    await quiet.stop()
    expect(quiet.stdout() + above.stdout()).to.equal('')
    expect(readdirSync(env.ENC_SERVER_LOG_DIR).sort()).to.deep.equal(['beserver.log', 'feserver.log'])
    const methods = eventsIn(join(env.ENC_SERVER_LOG_DIR, 'feserver.log')).flatMap(({ method }) => method ?? [])
    expect(methods).to.deep.equal(['/encserver.v1.FrontendService/StoreRecord'])
    expect(existsSync(join(place, 'backend', 'log'))).to.equal(false)
    expect(existsSync(join(place, 'frontend', 'log'))).to.equal(false)
  })

  it('say when a server starts and stops, of which version, where, and with what', async () => {
    const place = box.folder()
    const dataDir = join(place, 'backend')
    const keyringFile = join(place, 'frontend', 'keyring.json')
    const lower = await box.backend({ dataDir })
    const upper = await box.frontend({ backend: lower, keyringFile })
    await until(() => upper.stdout().includes('"ready"'))
    await upper.stop()
    await lower.stop()
    const { version } = JSON.parse(readFileSync(join(repoFolder, 'package.json'), 'utf8'))
    const life = (file: string) => eventsIn(join(place, file)).filter(({ event }) => event !== 'call')
    const [above, below] = [life('frontend/log/feserver.log'), life('backend/log/beserver.log')]
    expect(above.map(({ event }) => event)).to.deep.equal(['keyring made', 'start', 'ready', 'stopping', 'stop'])
    expect(above[0]).to.include({ keyring: keyringFile })
    expect(above[1]).to.include({ version, address: upper.address, keyring: keyringFile })
    expect(below.map(({ event }) => event)).to.deep.equal(['start', 'stopping', 'stop'])
    expect(below[0]).to.include({ version, address: lower.address, store: dataDir })
  })

  it('say why a server does not start', async () => {
    const dataDir = join(box.folder(), 'backend')
    const refused = box.run('beserver', { set: { 'backend.dataDir': dataDir, 'backend.host': '0.0.0.0' } })
    await refused.exited
    const [line, ...others] = eventsIn(join(dataDir, 'log', 'beserver.log'))
    expect(line).to.include({ level: 'error', event: 'start failed', status: 'INVALID_REQUEST' })
    expect(line?.['why']).to.match(/^backend\.host: 0\.0\.0\.0 can be reached/)
    expect(others).to.deep.equal([])
  })

  it('outlive whoever read them on standard output', async () => {
    const lower = await box.backend()
    const upper = await box.frontend({ backend: lower })
    const client = box.client(upper)
    lower.closeStdout()
    upper.closeStdout()
    for (let round = 0; round < 5; round += 1) {
      const { recordKey } = await client.storeRecord({ userId, data: content })
      expect((await client.retrieveRecord({ userId, recordKey })).data.equals(content)).to.equal(true)
    }
    expect([lower.running(), upper.running()]).to.deep.equal([true, true])
  })
})
