import { expect } from 'chai'
import { connect, newCall } from '../../../src/core/client/client.js'
import type { VaultError } from '../../../src/core/errors.js'
import { type FrontendServiceServer, FrontendServiceService } from '../../../src/gen/encserver/v1/frontend.js'
import { makeCertificate } from '../certificates.js'
import { atEnd, failure, never, releaseAll, retrieval, serveFake, tempDir } from '../fake-frontend.js'

/** The error of a call by the plain client, which no program rewords. */
function errorAt(address: string, tls?: { caFile: string }): Promise<VaultError> {
  const config = { address, insecure: true, ...(tls && { tls }) }
  const { methods, close } = connect<FrontendServiceServer>(FrontendServiceService, config, () => never)
  atEnd(close)
  return failure(methods.retrieveRecord(retrieval({}), newCall({ timeoutMs: 20_000 }))) as Promise<VaultError>
}

describe('connection error', () => {
  afterEach(releaseAll)

  it('has the address and the cause where no server listens', async () => {
    const { reason, message } = await errorAt('127.0.0.1:1')
    expect(reason).to.equal('UNREACHABLE')
    expect(message).to.equal('no server answers at 127.0.0.1:1 (connect ECONNREFUSED 127.0.0.1:1)')
  })

  it('has the address and the cause where a name does not resolve', async () => {
    const { reason, message } = await errorAt('no-such-host.invalid:1')
    expect(reason).to.equal('UNREACHABLE')
    expect(message).to.match(/^the connection to no-such-host\.invalid:1 failed \(Name resolution failed.*\)$/)
  })

  it('has the address and the cause where a certificate is of another authority', async () => {
    const dir = tempDir()
    const { certFile, keyFile } = makeCertificate(dir, 'server', makeCertificate(dir, 'authority'))
    const { port } = await serveFake({ listen: { tls: { certFile, keyFile, clientCaFile: '' } } })
    const address = `localhost:${port}`
    const { reason, message } = await errorAt(address, { caFile: makeCertificate(dir, 'other').certFile })
    expect(reason).to.equal('UNREACHABLE')
    expect(message).to.match(/^the connection to localhost:\d+ failed \(.*unable to verify the first certificate.*\)$/)
  })

  it('is not what a server of ours has answered', async () => {
    const { address } = await serveFake({ methods: { retrieveRecord: () => Promise.reject(new Error('bug')) } })
    const { reason, message } = await errorAt(address)
    expect({ reason, message }).to.deep.equal({ reason: 'INTERNAL', message: 'internal error' })
  })
})
