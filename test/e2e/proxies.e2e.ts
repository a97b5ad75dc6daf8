// The environment of a process may name proxies. None of our connections goes there: a proxy would see what travels in plain text
// on this machine, and could put itself between a front end and its back end.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { startS3, type TestS3 } from '../servers/s3.js'
import { describeEngines } from './engines.js'
import { runBroken } from './outputs.js'
import { type Server, sandbox } from './processes.js'

const names = ['grpc_proxy', 'http_proxy', 'https_proxy', 'all_proxy']

describeEngines('e2e: proxies in the environment', (engine) => {
  const box = sandbox(engine)
  const calls: string[] = []
  let env: Record<string, string>
  let s3: TestS3
  let backend: Server
  let frontend: Server

  before(async () => {
    // A real listener, which answers nothing: whoever asks it also waits in vain.
    const proxy = createServer((socket) => {
      socket.on('error', () => undefined).on('data', (bytes) => calls.push(`${bytes}`))
      calls.push('a connection')
    })
    await once(proxy.listen(0, '127.0.0.1'), 'listening')
    box.defer(() => proxy.close())
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
    env = Object.fromEntries(names.flatMap((name) => [name, name.toUpperCase()]).map((name) => [name, url]))
    env['NODE_USE_ENV_PROXY'] = '1' // Node 24 and later
    s3 = await startS3()
    box.defer(() => s3.stop())
    const credentialsFile = join(box.folder(), 's3.json')
    writeFileSync(credentialsFile, s3.credentials, { mode: 0o600 })
    const bucket = { endpoint: s3.endpoint, bucket: s3.bucket, credentialsFile, forcePathStyle: 'true' }
    const settings = Object.entries(bucket).map(([name, value]) => [`backend.parts.s3.${name}`, value])
    backend = await box.backend({ env, set: { 'backend.parts.store': 's3', ...Object.fromEntries(settings) } })
    frontend = await box.frontend({ backend, env })
  })

  async function run(words: string[], stdin = ''): Promise<string> {
    const targets = { ENC_SERVER_FRONTEND_TARGET: frontend.address, ENC_SERVER_BACKEND_TARGET: backend.address }
    const { code, stdout, stderr } = await runBroken(box, words, { env: { ...env, ...targets }, stdin })
    expect(code, stderr).to.equal(0)
    return stdout
  }

  it('get no connection of servers and clients, nor of parts that go to S3', async () => {
    await run(['feclient'])
    await run(['beclient', 'trial'])
    const large = 'x'.repeat(3 * 1024 * 1024)
    await run(['feclient', 'upload', '--user', 'alice', '--mode', 'server'], large)
    expect(await run(['feclient', 'download', '--user', 'alice', '--out', '-'])).to.equal(large)
    expect(calls).to.deep.equal([])
  })

  it('get no connection of the doctor', async () => {
    const place = box.folder()
    const settings = {
      'frontend.backend.address': backend.address,
      'frontend.port': frontend.port,
      'frontend.keyringFile': join(place, 'keyring.json'),
      ...box.stores.settings(join(place, 'backend')),
    }
    const flags = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`])
    const { stdout } = await runBroken(box, ['enc-server', 'doctor', ...flags], { env })
    expect(stdout)
      .to.match(/ok +back end/)
      .and.to.match(/ok +front end/)
    expect(calls).to.deep.equal([])
  })
})
