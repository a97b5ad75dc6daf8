// Checks, before a program creates a store or a keyring, that its server may and can listen: a failed start leaves no files.
import { createServer } from 'node:net'
import { VaultError } from '../errors.js'
import { addressesOf, bindAll } from './bind.js'
import { bindAddress, type ListenConfig, serverTls } from './listen.js'

const bindFaults: Record<string, string> = {
  EADDRINUSE: 'the port is in use',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EACCES: 'this user may not use that port',
  ENOTFOUND: 'the host name does not exist',
}

/** Converts an error of `listen` to INVALID_REQUEST with a message in words. */
export function bindError(listen: ListenConfig, cause: unknown): VaultError {
  const { code = 'unknown' } = cause as NodeJS.ErrnoException
  const message = `cannot listen on ${bindAddress(listen)}: ${bindFaults[code] ?? code}`
  return new VaultError('INVALID_REQUEST', { message, cause })
}

/** Throws INVALID_REQUEST for unsafe or unreadable TLS settings and for an address that cannot be bound now. */
export async function checkListen(section: string, listen: ListenConfig): Promise<void> {
  serverTls(section, listen)
  const refusing = () => createServer((socket) => socket.destroy())
  try {
    for (const server of await bindAll(refusing, await addressesOf(listen))) server.close()
  } catch (cause) {
    throw bindError(listen, cause)
  }
}
