import { createServer, type Server } from 'node:net'
import { expect } from 'chai'
import { addressesOf, bindAll, portOf } from '../../../src/core/tls/bind.js'
import { atEnd, failure, releaseAll } from '../fake-frontend.js'

const absent = '192.0.2.1' // of no machine (RFC 5737)

async function bound(...hosts: string[]): Promise<Server[]> {
  const servers = await bindAll(
    () => createServer(),
    hosts.map((host) => ({ host, port: 0 })),
  )
  atEnd(() => servers.map((server) => server.close()))
  return servers
}

describe('bind', () => {
  afterEach(releaseAll)

  it('resolves an address to itself, also in brackets, and a name to all its addresses', async () => {
    expect(await addressesOf({ host: '10.0.0.1', port: 7 })).to.deep.equal([{ host: '10.0.0.1', port: 7 }])
    expect(await addressesOf({ host: '[::1]', port: 7 })).to.deep.equal([{ host: '::1', port: 7 }])
    expect(await addressesOf({ host: '', port: 7 })).to.deep.equal([{ host: '', port: 7 }])
    expect(await addressesOf({ host: 'localhost', port: 7 })).to.deep.include({ host: '127.0.0.1', port: 7 })
  })

  it('binds all addresses to one port', async () => {
    const servers = await bound('127.0.0.1', '127.0.0.2')
    expect(servers.map((server) => server.address())).to.deep.equal([
      { address: '127.0.0.1', family: 'IPv4', port: portOf(servers[0]) },
      { address: '127.0.0.2', family: 'IPv4', port: portOf(servers[0]) },
    ])
  })

  it('skips addresses that this machine lacks unless none is left', async () => {
    expect(await bound('127.0.0.1', absent)).to.have.length(1)
    expect(await bound(absent, '127.0.0.1')).to.have.length(1)
    expect(await failure(bound(absent))).to.include({ code: 'EADDRNOTAVAIL' })
  })

  it('binds none when one of them is taken', async () => {
    const [taken] = await bound('127.0.0.2')
    const port = portOf(taken)
    const started: Server[] = []
    const start = () => {
      started.push(createServer())
      return started.at(-1) as Server
    }
    const hosts = ['127.0.0.1', '127.0.0.2']
    const error = await failure(
      bindAll(
        start,
        hosts.map((host) => ({ host, port })),
      ),
    )
    expect(error).to.include({ code: 'EADDRINUSE' })
    expect(started.map(({ listening }) => listening)).to.deep.equal([false, false])
  })
})
