// Listens, with TLS or without, and keeps the connections: how many there are, how old they get, how they end.
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { type Address, addressesOf, bindAll, portOf } from './bind.js'
import { Connection, type ConnectionParts } from './connection.js'
import { type KeepaliveLimits, keepalive } from './keepalive.js'
import { ConnectionError, errorCodes } from './protocol.js'

export interface ListenerParts extends Pick<ConnectionParts, 'opened' | 'unexpected'> {
  /** Told of a connection that its peer has broken, and the peer's address. */
  failed(error: ConnectionError, peer: string | undefined): void
  /** Undefined for plain text. */
  tls: TlsOptions | undefined
  limits: KeepaliveLimits & Pick<ConnectionParts, 'maxStreams' | 'abuse'>
}

export interface Listener {
  /** The port bound; rejects when the address cannot be. */
  listen(address: Address): Promise<number>
  /** No new connections and streams; resolves when all that were open have ended. */
  leave(): Promise<void>
  /** Cuts what is still open. */
  cut(): void
}

const maxConnections = 10_000
const handshakeMs = 20_000
const tlsDefaults: TlsOptions = { ALPNProtocols: ['h2'], handshakeTimeout: handshakeMs }

export function listener(parts: ListenerParts): Listener {
  const connections = openConnections(parts)
  const servers: Server[] = []
  return {
    async listen(address) {
      const start = () => openServer(parts, connections)
      servers.push(...(await bindAll(start, await addressesOf(address))))
      for (const server of servers) server.on('error', parts.unexpected)
      return portOf(servers[0])
    },
    async leave() {
      const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())))
      connections.leave()
      await Promise.all(closed)
    },
    cut: connections.cut,
  }
}

function openServer({ tls, failed }: ListenerParts, connections: OpenConnections): Server {
  const server = tls === undefined ? createServer() : createTlsServer({ ...tls, ...tlsDefaults })
  server.maxConnections = maxConnections
  server.on('connection', connections.arrived)
  server.on(tls === undefined ? 'connection' : 'secureConnection', connections.begin)
  server.on('tlsClientError', ({ code = 'none' }: NodeJS.ErrnoException, socket: TLSSocket) => {
    failed(new ConnectionError(errorCodes.noError, `no TLS with a caller (${code})`), socket.remoteAddress)
    socket.destroy()
  })
  return server
}

type OpenConnections = ReturnType<typeof openConnections>

function openConnections({ limits, failed, ...parts }: ListenerParts) {
  const open = new Set<Connection>()
  /** Those that are no connection yet, by the address of their peer. */
  const arriving = new Map<string, Socket>()
  let leaving = false

  function start(socket: Socket): void {
    const closed = () => {
      rest()
      open.delete(connection)
    }
    const told = (error: ConnectionError) => failed(error, socket.remoteAddress)
    const connection = new Connection({ ...parts, ...limits, socket, closed, failed: told })
    const rest = keepalive(connection, limits)
    open.add(connection)
  }

  return {
    arrived(socket: Socket): void {
      const peer = peerOf(socket)
      arriving.set(peer, socket)
      socket.once('close', () => arriving.get(peer) === socket && arriving.delete(peer))
      socket.on('error', () => undefined) // such as a reset in mid-handshake
    },
    begin(socket: Socket | TLSSocket): void {
      arriving.delete(peerOf(socket))
      const isOther = 'alpnProtocol' in socket && socket.alpnProtocol !== 'h2'
      if (leaving || isOther) socket.destroy()
      else start(socket)
    },
    leave(): void {
      leaving = true
      for (const socket of arriving.values()) socket.destroy()
      for (const connection of open) connection.leave()
    },
    cut(): void {
      for (const connection of open) connection.cut()
    },
  }
}

function peerOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`
}
