import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { expect } from 'chai'
import type { ListenConfig } from '../../../src/core/tls/listen.js'
import { makeCertificate } from '../certificates.js'
import { atEnd, localhost, releaseAll, serveFake, tempDir } from '../fake-frontend.js'

describe('versions of TLS', () => {
  afterEach(releaseAll)

  async function serve(minVersion?: 'TLSv1.3' | 'TLSv1.2') {
    const dir = tempDir()
    const authority = makeCertificate(dir, 'authority')
    const { certFile, keyFile } = makeCertificate(dir, 'server', authority)
    const tls: ListenConfig['tls'] = { certFile, keyFile, clientCaFile: '', ...(minVersion && { minVersion }) }
    const { port } = await serveFake({ listen: { ...localhost, tls } })
    /** Connects; resolves to the socket, or rejects with the server's refusal. */
    return async (options: ConnectionOptions): Promise<TLSSocket> => {
      const ca = readFileSync(authority.certFile)
      const socket = connect({ port, host: '127.0.0.1', ca, ALPNProtocols: ['h2'], ...options })
      atEnd(() => socket.destroy())
      await once(socket, 'secureConnect')
      return socket
    }
  }

  async function failure(promise: Promise<unknown>): Promise<unknown> {
    return promise.then(
      () => expect.fail('the handshake succeeded'),
      (error: NodeJS.ErrnoException) => error.code,
    )
  }

  const old = { maxVersion: 'TLSv1.2' } as const

  it('are 1.3 by default', async () => {
    const handshake = await serve()
    expect((await handshake({})).getProtocol()).to.equal('TLSv1.3')
    expect(await failure(handshake(old))).to.equal('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
  })

  it('may include 1.2, with ephemeral keys and authenticated encryption', async () => {
    const handshake = await serve('TLSv1.2')
    const socket = await handshake(old)
    expect(socket.getProtocol()).to.equal('TLSv1.2')
    expect(socket.getCipher().name).to.match(/^ECDHE-.*-GCM-/)
    const refused = ['ECDHE-ECDSA-AES256-SHA', 'ECDHE-RSA-AES256-SHA384', 'AES256-GCM-SHA384', 'AES128-SHA']
    for (const ciphers of [...refused, 'DHE-RSA-AES256-GCM-SHA384']) {
      expect(await failure(handshake({ ...old, ciphers }))).to.match(
        /^ERR_SSL_(SSLV3_ALERT|SSL\/TLS_ALERT)_HANDSHAKE_FAILURE$/,
      )
    }
  })
})
