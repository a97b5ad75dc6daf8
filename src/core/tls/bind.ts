// Binding of listening sockets to an address: a host name is bound on all of its addresses, as callers may use any of them.
import { lookup } from 'node:dns/promises'
import { isIP, type Server } from 'node:net'

/** Where a server listens. */
export interface Address {
  host: string
  /** Port 0 picks a free port, the same one for all addresses of the host. */
  port: number
}

/** The error codes for an address that the machine lacks. Other addresses of the same name may exist. */
const missingAddressCodes = ['EADDRNOTAVAIL', 'EAFNOSUPPORT']

/** Resolves a host to all its addresses; an IPv6 address may be in brackets. Rejects for an unknown name. */
export async function addressesOf({ host, port }: Address): Promise<Address[]> {
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  if (bare === '' || isIP(bare) > 0) return [{ host: bare, port }]
  const found = await lookup(bare, { all: true })
  return [...new Set(found.map(({ address }) => address))].map((address) => ({ host: address, port }))
}

/**
 * Binds a server for each address, all to the port of the first. Skips addresses that the machine
 * lacks. Rejects, and closes every server, when an address is taken or none is left.
 */
export async function bindAll(start: () => Server, addresses: Address[]): Promise<Server[]> {
  const servers: Server[] = []
  let missing: unknown
  try {
    for (const { host, port } of addresses) {
      const bound = bind(start(), { host, port: port || portOf(servers[0]) })
      missing = await bound.then((server) => void servers.push(server), missingAddress)
    }
    if (servers.length === 0) throw missing
    return servers
  } catch (error) {
    for (const server of servers) server.close()
    throw error
  }
}

/** Returns the error of a missing address and throws any other. */
function missingAddress(error: NodeJS.ErrnoException): NodeJS.ErrnoException {
  if (!missingAddressCodes.includes(error.code ?? '')) throw error
  return error
}

/** The port of a bound server; 0 for undefined. */
export function portOf(server: Server | undefined): number {
  return server === undefined ? 0 : (server.address() as { port: number }).port
}

function bind(server: Server, address: Address): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(address, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
}
