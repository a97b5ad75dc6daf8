import { join } from 'node:path'
import { expect } from 'chai'
import { type ChannelConfig, channelCredentials, targetOf } from '../../../src/core/client/channel.js'
import { connect, newCall } from '../../../src/core/client/client.js'
import { type FrontendServiceServer, FrontendServiceService } from '../../../src/gen/encserver/v1/frontend.js'
import { makeCertificate } from '../certificates.js'
import { atEnd, failure, never, releaseAll, retrieval, serveFake, tempDir } from '../fake-frontend.js'

function refusal(config: ChannelConfig): string {
  try {
    channelCredentials(config)
  } catch (error) {
    expect(error).to.include({ reason: 'INVALID_REQUEST', kind: 'invalid' })
    return (error as Error).message
  }
  return 'none'
}

function call(config: ChannelConfig) {
  const { methods, close } = connect<FrontendServiceServer>(FrontendServiceService, config, () => never)
  atEnd(close)
  return methods.retrieveRecord(retrieval({ callerAad: Buffer.from('over TLS') }), newCall({ timeoutMs: 60_000 }))
}

describe('channel', () => {
  afterEach(releaseAll)

  it('resolves every address as a DNS name, so that all its addresses are used', () => {
    expect(targetOf({ address: 'beserver:8888' })).to.equal('dns:///beserver:8888')
    expect(targetOf({ address: 'dns:///beserver:8888' })).to.equal('dns:///beserver:8888')
  })

  for (const address of [
    '127.0.0.1:1',
    'localhost:1',
    'dns:///localhost:1',
    '[::1]:1',
    'dns:///[::1]:1',
    '127.1.2.3:1',
  ]) {
    it(`sends plain text to ${address}`, () => expect(refusal({ address })).to.equal('none'))
  }

  for (const address of [
    '',
    '127.0.0.1',
    'http://127.0.0.1:7777',
    'ipv4:///127.0.0.1:1,10.0.0.1:2',
    'DNS:///localhost:1',
    'localhost:0',
    'localhost:65536',
    '::1:7777',
  ]) {
    it(`refuses "${address}", which is not host:port`, () => {
      expect(refusal({ address })).to.equal(`address: must be host:port, with a port from 1 to 65535, not "${address}"`)
    })
  }

  for (const [address, host] of [
    ['10.0.0.1:1', '10.0.0.1'],
    ['dns:///beserver:8888', 'beserver'],
    ['[fe80::1]:1', 'fe80::1'],
    ['localhost.example.org:1', 'localhost.example.org'],
  ] as const) {
    it(`refuses plain text to "${address}" without insecure`, () => {
      expect(refusal({ address })).to.equal(`address: ${host} is another machine: set tls.caFile, or insecure: true`)
      expect(refusal({ address, insecure: true })).to.equal('none')
    })
  }

  it('names its settings with their section', () => {
    const section = 'frontend.backend'
    expect(refusal({ address: 'x', section })).to.match(/^frontend\.backend\.address: must be host:port/)
    expect(refusal({ address: '10.0.0.1:1', section })).to.match(/^frontend\.backend\.address: 10\.0\.0\.1 is another/)
    const half = { address: 'x:1', section, tls: { caFile: 'absent', keyFile: 'absent' } }
    expect(refusal(half)).to.equal('frontend.backend.tls: certFile and keyFile must be set together')
    const absent = { address: 'x:1', section, tls: { caFile: 'absent' } }
    expect(refusal(absent)).to.equal('frontend.backend.tls.caFile: cannot read absent (ENOENT)')
  })

  describe('over TLS', () => {
    let dir: string
    let authority: ReturnType<typeof makeCertificate>
    let own: { caFile: string; certFile: string; keyFile: string }
    let address: string
    let port: number
    beforeEach(async () => {
      dir = tempDir()
      authority = makeCertificate(dir, 'authority')
      own = { caFile: authority.certFile, ...pairOf('client', authority) }
      const tls = { ...pairOf('server', authority), clientCaFile: authority.certFile }
      const server = await serveFake({ listen: { tls } })
      address = server.address
      port = server.port
    })

    function pairOf(name: string, issuer: typeof authority) {
      const { certFile, keyFile } = makeCertificate(dir, name, issuer)
      return { certFile, keyFile }
    }

    it('calls with certificates on both sides, by address and by name', async () => {
      for (const each of [address, `localhost:${port}`, `dns:///localhost:${port}`]) {
        expect((await call({ address: each, tls: own })).data.toString()).to.equal('over TLS')
      }
    })

    it('is rejected with a certificate of another authority', async () => {
      const other = pairOf('stranger', makeCertificate(dir, 'other'))
      expect(await failure(call({ address, tls: { ...own, ...other } }))).to.include({ reason: 'UNREACHABLE' })
    })

    it('is rejected without a certificate', async () => {
      expect(await failure(call({ address, tls: { caFile: own.caFile } }))).to.include({ reason: 'UNREACHABLE' })
    })

    it('is rejected in plain text', async () => {
      expect(await failure(call({ address }))).to.include({ reason: 'UNREACHABLE' })
    })

    it('refuses a server of another authority', async () => {
      const { certFile: caFile } = makeCertificate(dir, 'other')
      expect(await failure(call({ address, tls: { ...own, caFile } }))).to.include({ reason: 'UNREACHABLE' })
    })

    it('refuses a server whose certificate is for another name', async () => {
      const config = { address: `127.0.0.2:${port}`, tls: own }
      const { port: elsewhere } = await serveFake({
        listen: { host: '127.0.0.2', tls: { certFile: own.certFile, keyFile: own.keyFile, clientCaFile: own.caFile } },
      })
      expect(await failure(call({ ...config, address: `127.0.0.2:${elsewhere}` }))).to.include({
        reason: 'UNREACHABLE',
      })
    })

    it('refuses half of a pair, a certificate without an authority, and files it cannot use', () => {
      const missing = join(dir, 'missing')
      expect(refusal({ address, tls: { ...own, keyFile: '' } })).to.equal(
        'tls: certFile and keyFile must be set together',
      )
      expect(refusal({ address, tls: { ...own, certFile: '' } })).to.equal(
        'tls: certFile and keyFile must be set together',
      )
      expect(refusal({ address, tls: { ...own, caFile: '' } })).to.equal('tls: certFile needs caFile')
      for (const name of ['caFile', 'certFile', 'keyFile']) {
        expect(refusal({ address, tls: { ...own, [name]: missing } })).to.equal(
          `tls.${name}: cannot read ${missing} (ENOENT)`,
        )
      }
      expect(refusal({ address, tls: { caFile: own.keyFile } })).to.equal(
        `tls.caFile: ${own.keyFile} is not a certificate in PEM (no start line)`,
      )
    })
  })
})
