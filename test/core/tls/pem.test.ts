import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { readCertificates, readKeyPair } from '../../../src/core/tls/pem.js'
import { makeCertificate } from '../certificates.js'
import { releaseAll, tempDir } from '../fake-frontend.js'

const named = (file: string, name = 'certFile') => ({ setting: `tls.${name}`, file })

describe('pem', () => {
  let dir: string
  let authority: ReturnType<typeof makeCertificate>
  let server: ReturnType<typeof makeCertificate>
  beforeEach(() => {
    dir = tempDir()
    authority = makeCertificate(dir, 'authority')
    server = makeCertificate(dir, 'server', authority)
  })
  afterEach(releaseAll)

  it('reads one certificate and a bundle', () => {
    const one = readFileSync(server.certFile)
    expect(readCertificates(named(server.certFile))).to.eql(one)
    const bundle = join(dir, 'bundle.crt')
    writeFileSync(bundle, Buffer.concat([one, readFileSync(authority.certFile)]))
    expect(readCertificates(named(bundle))).to.eql(readFileSync(bundle))
  })

  it('reads a pair', () => {
    const { cert, key } = readKeyPair(named(server.certFile), named(server.keyFile, 'keyFile'))
    expect([cert, key]).to.eql([readFileSync(server.certFile), readFileSync(server.keyFile)])
  })

  const refusals: [string, () => unknown, (path: string) => string][] = [
    [
      'a file that is not there',
      () => readCertificates(named(join(dir, 'x'))),
      (d) => `tls.certFile: cannot read ${d}/x (ENOENT)`,
    ],
    ['a folder', () => readCertificates(named(dir)), (d) => `tls.certFile: cannot read ${d} (EISDIR)`],
    [
      'a key as certificate',
      () => readCertificates(named(server.keyFile)),
      (d) => `tls.certFile: ${d}/server.key is not a certificate in PEM (no start line)`,
    ],
    [
      'a certificate as key',
      () => readKeyPair(named(server.certFile), named(server.certFile, 'keyFile')),
      (d) => `tls.keyFile: ${d}/server.crt is not a private key in PEM without a passphrase (unsupported)`,
    ],
    [
      'the key of another',
      () => readKeyPair(named(server.certFile), named(authority.keyFile, 'keyFile')),
      (d) => `tls.keyFile: ${d}/authority.key is not the key of ${d}/server.crt (key values mismatch)`,
    ],
  ]
  it('does not show a key that is given in place of its path, nor in a cause', () => {
    const key = readFileSync(server.keyFile, 'utf8')
    expect(() => readKeyPair(named(server.certFile), named(key, 'keyFile')))
      .to.throw(/^tls\.keyFile: cannot read a file whose path looks like a secret \([A-Z]+\)$/)
      .with.property('cause', undefined)
  })

  for (const [what, read, message] of refusals) {
    it(`refuses ${what} by name`, () => {
      expect(read).to.throw(message(dir)).with.property('reason', 'INVALID_REQUEST')
    })
  }
})
