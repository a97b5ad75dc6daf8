import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { newCall } from '../../../src/core/client/client.js'
import { bindAddress, isLoopback, type ListenConfig, serverTls } from '../../../src/core/tls/listen.js'
import { makeCertificate } from '../certificates.js'
import { clientOf, failure, localhost, releaseAll, retrieval, serveFake, tempDir } from '../fake-frontend.js'

const none = { certFile: '', keyFile: '', clientCaFile: '' }

function refusal(listen: Partial<ListenConfig>): string {
  try {
    serverTls('frontend', { ...localhost, ...listen })
  } catch (error) {
    expect(error).to.include({ reason: 'INVALID_REQUEST', kind: 'invalid' })
    return (error as Error).message
  }
  return 'none'
}

describe('listen', () => {
  afterEach(releaseAll)

  for (const host of ['127.0.0.1', '127.255.0.9', 'localhost', '::1', '[::1]']) {
    it(`takes ${host} for loopback, and plain text there`, () => {
      expect(isLoopback(host)).to.equal(true)
      expect(serverTls('frontend', { ...localhost, host })).to.equal(undefined)
    })
  }

  for (const host of [
    '0.0.0.0',
    '::',
    '',
    '10.0.0.1',
    '127.0.0.1.example.org',
    '127.0.0',
    '1127.0.0.1',
    'localhost.',
    'fe80::1',
    '::ffff:10.0.0.1',
  ]) {
    it(`refuses plain text on "${host}"`, () => {
      expect(refusal({ host })).to.equal(
        `frontend.host: ${host} can be reached from other machines: set tls.certFile, tls.keyFile and tls.clientCaFile, or insecure: true`,
      )
    })
  }

  it('allows it with insecure', () => {
    expect(serverTls('frontend', { ...localhost, host: '0.0.0.0', insecure: true })).to.equal(undefined)
  })

  describe('with certificates', () => {
    let dir: string
    let tls: ListenConfig['tls']
    beforeEach(() => {
      dir = tempDir()
      const authority = makeCertificate(dir, 'authority')
      const { certFile, keyFile } = makeCertificate(dir, 'server', authority)
      tls = { certFile, keyFile, clientCaFile: authority.certFile }
    })

    it('serves beyond loopback with mutual TLS', () => {
      const options = serverTls('frontend', { ...localhost, host: '0.0.0.0', tls })
      expect(options)
        .to.include({ requestCert: true, rejectUnauthorized: true })
        .and.to.include.keys('cert', 'key', 'ca')
    })

    it('refuses TLS without client certificates beyond loopback without insecure', () => {
      const oneSided = { host: '0.0.0.0', tls: { ...tls, clientCaFile: '' } }
      expect(refusal(oneSided)).to.include('frontend.host: 0.0.0.0 can be reached from other machines')
      expect(refusal({ ...oneSided, insecure: true })).to.equal('none')
      expect(refusal({ ...oneSided, host: '127.0.0.1' })).to.equal('none')
    })

    it('refuses half of a pair, and an authority without a certificate', () => {
      const pair = 'frontend.tls: certFile and keyFile must be set together'
      expect(refusal({ tls: { ...tls, keyFile: '' } })).to.equal(pair)
      expect(refusal({ tls: { ...tls, certFile: '' } })).to.equal(pair)
      expect(refusal({ tls: { ...none, clientCaFile: tls.clientCaFile } })).to.equal(
        'frontend.tls: clientCaFile needs certFile',
      )
    })

    for (const name of ['certFile', 'keyFile', 'clientCaFile'] as const) {
      it(`names the setting and the file of a ${name} that cannot be read`, () => {
        const missing = join(dir, 'missing')
        expect(refusal({ tls: { ...tls, [name]: missing } })).to.equal(
          `frontend.tls.${name}: cannot read ${missing} (ENOENT)`,
        )
      })
    }

    it('rejects a key of another certificate at the start, not at the first handshake', () => {
      const { keyFile } = makeCertificate(dir, 'other')
      expect(refusal({ tls: { ...tls, keyFile } })).to.equal(
        `frontend.tls.keyFile: ${keyFile} is not the key of ${tls.certFile} (key values mismatch)`,
      )
    })
  })

  it('writes addresses as gRPC binds them', () => {
    expect(bindAddress({ ...localhost, host: '::1', port: 7 })).to.equal('[::1]:7')
    expect(bindAddress({ ...localhost, host: 'localhost', port: 7 })).to.equal('localhost:7')
  })

  it('serves IPv6, or reports that this machine has none', async () => {
    const served = serveFake({ listen: { host: '::1' } })
    const local = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
    if (!local.some(({ address }) => address === '::1')) {
      expect(await failure(served))
        .to.have.property('message')
        .that.includes('cannot listen on [::1]:0')
      return
    }
    const { port } = await served
    const { data } = await clientOf(`[::1]:${port}`).methods.retrieveRecord(retrieval(), newCall())
    expect(data).to.have.length(0)
  })
})
