// Whether a server may and can listen, for who asks before a store or a keyring is made: a start that is refused leaves none.
import { createServer } from 'node:net'
import { VaultError } from '../errors.js'
import { addressesOf, bindAll } from '../http2/bind.js'
import { bindAddress, type ListenConfig, serverTls } from './listen.js'

const bindFaults: Record<string, string> = {
  EADDRINUSE: 'the port is in use',
  EADDRNOTAVAIL: 'the address is not of this machine',
  EACCES: 'this user may not use that port',
  ENOTFOUND: 'there is no such name',
}

/** Why an address cannot be bound, in words. */
export function bindError(listen: ListenConfig, cause: unknown): VaultError {
  const { code = 'unknown' } = cause as NodeJS.ErrnoException
  const message = `cannot listen on ${bindAddress(listen)}: ${bindFaults[code] ?? code}`
  return new VaultError('INVALID_REQUEST', { message, cause })
}

/** Throws for settings that would expose the server, or that cannot be read, and for an address that is taken now. */
export async function checkListen(section: string, listen: ListenConfig): Promise<void> {
  serverTls(section, listen)
  const refusing = () => createServer((socket) => socket.destroy())
  try {
    for (const server of await bindAll(refusing, await addressesOf(listen))) server.close()
  } catch (cause) {
    throw bindError(listen, cause)
  }
}
