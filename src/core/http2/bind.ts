// Binds an address: all that a name stands for, as callers may use any of them.
import { lookup } from 'node:dns/promises'
import { isIP, type Server } from 'node:net'

export interface Address {
  host: string
  /** 0 picks a free one, the same for all. */
  port: number
}

/** What a machine may not have: the other addresses of the name do then. */
const notOfThisMachine = ['EADDRNOTAVAIL', 'EAFNOSUPPORT']

/** Every address behind the name; an IPv6 address may be in brackets. */
export async function addressesOf({ host, port }: Address): Promise<Address[]> {
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  if (bare === '' || isIP(bare) > 0) return [{ host: bare, port }]
  const found = await lookup(bare, { all: true })
  return [...new Set(found.map(({ address }) => address))].map((address) => ({ host: address, port }))
}

/** A server for each address, the first one's port for all; rejects, and binds none, when one of them is taken. */
export async function bindAll(start: () => Server, addresses: Address[]): Promise<Server[]> {
  const servers: Server[] = []
  let absent: unknown
  try {
    for (const { host, port } of addresses) {
      const bound = bind(start(), { host, port: port || portOf(servers[0]) })
      absent = await bound.then((server) => void servers.push(server), refuseTaken)
    }
    if (servers.length === 0) throw absent
    return servers
  } catch (error) {
    for (const server of servers) server.close()
    throw error
  }
}

/** Returns the error that a machine without such an address makes, and throws any other. */
function refuseTaken(error: NodeJS.ErrnoException): NodeJS.ErrnoException {
  if (!notOfThisMachine.includes(error.code ?? '')) throw error
  return error
}

/** 0 for none. */
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
