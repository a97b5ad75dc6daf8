// Mutual TLS from a caller to the front end and from there to the back end, with certificates of the openssl program.
import { join } from 'node:path'
import { expect } from 'chai'
import { health, pause, refusal, until } from './calls.js'
import { makeCertificates } from './certificates.js'
import { type Server, sandbox } from './processes.js'

const data = Buffer.from('PAYLOADS'.repeat(8))

describe('e2e: mutual TLS', () => {
  const box = sandbox()
  let folder: string
  let backend: Server
  let frontend: Server

  const file = (name: string) => join(folder, name)
  const identity = (name: string) => ({ certFile: file(`${name}.crt`), keyFile: file(`${name}.key`) })
  const caller = () => ({ caFile: file('ca.crt'), ...identity('caller') })

  /** The tls settings of a server, or of a front end's way to its back end. */
  function tlsOf(section: string, settings: Record<string, string>): Record<string, string> {
    return Object.fromEntries(Object.entries(settings).map(([name, value]) => [`${section}.tls.${name}`, value]))
  }

  const serving = (section: string, name: string) => tlsOf(section, { ...identity(name), clientCaFile: file('ca.crt') })

  before(async () => {
    folder = box.folder()
    makeCertificates(folder, 'ca', ['backend', 'frontend', 'caller'])
    makeCertificates(folder, 'other-ca', ['stranger'])
    backend = await box.backend({ set: { 'backend.host': '0.0.0.0', ...serving('backend', 'backend') } })
    const set = {
      'frontend.host': '0.0.0.0',
      ...serving('frontend', 'frontend'),
      ...tlsOf('frontend.backend', { caFile: file('ca.crt'), ...identity('frontend') }),
    }
    frontend = await box.frontend({ backend, set })
  })

  it('a record goes from the caller through both and back, on servers that other machines can reach', async () => {
    expect(backend.stderr()).to.include('listening on 0.0.0.0:')
    const client = box.client({ address: frontend.address, tls: caller() })
    const { recordKey } = await client.storeRecord({ userId: 'JTH', data })
    expect((await client.retrieveRecord({ userId: 'JTH', recordKey })).data.equals(data)).to.equal(true)
    const byName = box.client({ address: `localhost:${frontend.port}`, tls: caller() })
    expect((await byName.listRecords({ userId: 'JTH' })).records).to.have.length(1)
    expect(await health({ address: backend.address, tls: caller() })).to.equal('SERVING')
  })

  const strangers = {
    'without a certificate': () => ({ caFile: file('ca.crt') }),
    'with a certificate of another authority': () => ({ caFile: file('ca.crt'), ...identity('stranger') }),
    'who trusts another authority': () => ({ ...caller(), caFile: file('other-ca.crt') }),
    'without TLS': () => undefined,
  }
  for (const [who, tlsFor] of Object.entries(strangers)) {
    it(`a caller ${who} is refused by both`, async () => {
      const tls = tlsFor()
      const client = box.client({ address: frontend.address, ...(tls && { tls }) })
      const refused = await refusal(client.listRecords({ userId: 'JTH' }, { timeoutMs: 5_000 }))
      expect(refused.reason).to.be.oneOf(['UNREACHABLE', 'DEADLINE_EXCEEDED'])
      expect(await health({ address: frontend.address, ...(tls && { tls }) })).to.equal('UNREACHABLE')
      expect(await health({ address: backend.address, ...(tls && { tls }) })).to.equal('UNREACHABLE')
    })
  }

  it('a server whose certificate is for another name is refused', async () => {
    const address = `127.0.0.2:${frontend.port}`
    const refused = await refusal(
      box.client({ address, tls: caller() }).listRecords({ userId: 'JTH' }, { timeoutMs: 5_000 }),
    )
    expect(refused.reason).to.be.oneOf(['UNREACHABLE', 'DEADLINE_EXCEEDED'])
  })

  it('a front end that its back end does not know waits, and does not serve', async () => {
    const set = {
      'frontend.port': 0,
      'frontend.keyringFile': join(folder, 'stranger.json'),
      'frontend.backend.address': backend.address,
      ...tlsOf('frontend.backend', { caFile: file('ca.crt'), ...identity('stranger') }),
    }
    const stranger = box.run('feserver', { set })
    await until(() => stranger.stdout().includes('waiting for the back end'))
    await pause(1_000)
    expect(stranger.stderr()).not.to.match(/listening|error:/)
    expect(await stranger.stop()).to.deep.equal({ code: 0, signal: null })
  })

  it('the doctor asks the front end with the certificates of its flags, and reports those that end soon', async () => {
    const set = {
      'frontend.host': '0.0.0.0',
      'frontend.port': frontend.port,
      'frontend.keyringFile': join(folder, 'none.json'),
      'frontend.backend.address': backend.address,
      ...serving('frontend', 'frontend'),
      ...tlsOf('frontend.backend', { caFile: file('ca.crt'), ...identity('frontend') }),
      'backend.dataDir': join(folder, 'none'),
    }
    const findings = async (...flags: string[]) => {
      const args = [
        'doctor',
        '--json',
        ...Object.entries(set).flatMap(([name, value]) => ['--set', `${name}=${value}`]),
      ]
      const running = box.run('enc-server', { args: [...args, ...flags] })
      await running.exited
      const lines = running.stdout().trim().split('\n')
      return Object.fromEntries(lines.map((line) => JSON.parse(line)).map(({ what, ...found }) => [what, found]))
    }
    const { certFile, keyFile } = identity('caller')
    const own = ['--tls-cert', certFile, '--tls-key', keyFile]
    const found = await findings('--tls-ca', file('ca.crt'), ...own)
    expect(found['front end']).to.deep.equal({ state: 'ok', found: `127.0.0.1:${frontend.port} answers` })
    expect(found['back end'].state).to.equal('ok')
    expect(found['certificates'].state).to.equal('warning')
    for (const name of ['frontend.tls.certFile', 'frontend.backend.tls.caFile', '--tls-cert']) {
      expect(found['certificates'].found).to.match(new RegExp(`${name} \\(.+\\) ends on .+, in 1 day: renew it`))
    }
    const byName = await findings('--address', `localhost:${frontend.port}`, '--tls-ca', file('ca.crt'), ...own)
    expect(byName['front end']).to.deep.equal({ state: 'ok', found: `localhost:${frontend.port} answers` })
    const anonymous = await findings('--tls-ca', file('ca.crt'))
    expect(anonymous['front end'].found).to.match(/^it asks for client certificates: give --tls-cert/)
    const distrusting = await findings('--tls-ca', file('other-ca.crt'), ...own)
    expect(distrusting['front end'].state).to.equal('error')
    expect((await findings())['front end'].found).to.equal('it uses TLS: give --tls-ca, to ask it')
  })

  it('certificates that cannot be used are named at the start', async () => {
    const ending = async (settings: Record<string, string>) => {
      const running = box.run('beserver', { set: { 'backend.port': 0, ...tlsOf('backend', settings) } })
      expect((await running.exited).code).to.equal(2)
      return running.stderr()
    }
    const { certFile, keyFile } = identity('backend')
    const prefix = 'error: INVALID_REQUEST: backend.tls'
    expect(await ending({ certFile })).to.equal(`${prefix}: certFile and keyFile must be set together\n`)
    const otherKey = identity('caller').keyFile
    expect(await ending({ certFile, keyFile: otherKey })).to.match(
      new RegExp(`^${prefix}\\.keyFile: ${otherKey} is not the key of ${certFile}`),
    )
    expect(await ending({ certFile: keyFile, keyFile })).to.match(
      new RegExp(`^${prefix}\\.certFile: ${keyFile} .+ certificate in PEM`),
    )
    expect(await ending({ certFile, keyFile, clientCaFile: file('absent.crt') })).to.equal(
      `${prefix}.clientCaFile: cannot read ${file('absent.crt')} (ENOENT)\n`,
    )
  })
})
