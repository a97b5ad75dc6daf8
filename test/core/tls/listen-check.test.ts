import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect } from 'chai'
import type { ListenConfig } from '../../../src/core/tls/listen.js'
import { checkListen } from '../../../src/core/tls/listen-check.js'
import { atEnd, failure, localhost, releaseAll } from '../fake-frontend.js'

describe('whether a server can listen', () => {
  afterEach(releaseAll)

  async function listening(port = 0): Promise<number> {
    const server = createServer().listen(port, '127.0.0.1')
    atEnd(() => server.close())
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  const refusal = (changes: Partial<ListenConfig>) => failure(checkListen('backend', { ...localhost, ...changes }))

  it('is so where nobody does, and leaves the port free', async () => {
    const port = await listening()
    await releaseAll()
    await checkListen('backend', { ...localhost, port })
    expect(await listening(port)).to.equal(port)
  })

  it('is not so where somebody does, or with an address of another machine', async () => {
    const port = await listening()
    const message = `cannot listen on 127.0.0.1:${port}: the port is in use`
    expect(await refusal({ port })).to.include({ reason: 'INVALID_REQUEST', message })
    const elsewhere = 'cannot listen on 192.0.2.1:0: this machine does not have that address'
    expect(await refusal({ host: '192.0.2.1', insecure: true })).to.include({ message: elsewhere })
  })

  it('is not so where it would be exposed', async () => {
    expect(await refusal({ host: '0.0.0.0' }))
      .to.have.property('message')
      .that.includes('backend.host: 0.0.0.0 can be')
  })
})
