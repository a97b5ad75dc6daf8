// The only entrance to this folder: an HTTP/2 server over TCP or TLS that implements the interface in transport.ts. It
// accepts connections, limits their number and age, and ends them.
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket, type TlsOptions, Server as TlsServer } from 'node:tls'
import { addressesOf, bindAll, portOf } from '../tls/bind.js'
import type { ConnectionFailure, Transport, TransportParts } from '../transport.js'
import { Connection } from './connection.js'
import { keepalive } from './keepalive.js'
import { OpenPace } from './open-pace.js'
import { errorCodes } from './protocol.js'

const maxConnections = 10_000
const handshakeMs = 20_000
const tlsDefaults: TlsOptions = { ALPNProtocols: ['h2'], handshakeTimeout: handshakeMs }

/** Creates a server, which listens once `listen` is called. */
export function http2Server(parts: TransportParts): Transport {
  const connections = openConnections(parts)
  const servers: Server[] = []
  return {
    async listen(address) {
      const start = () => openServer(parts, connections)
      servers.push(...(await bindAll(start, await addressesOf(address))))
      for (const server of servers) server.on('error', parts.onInternalError)
      return portOf(servers[0])
    },
    renewTls(tls) {
      for (const server of servers) if (server instanceof TlsServer) server.setSecureContext(tls)
    },
    async drain() {
      const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())))
      connections.drain()
      await Promise.all(closed)
    },
    abort: connections.abort,
  }
}

function openServer({ tls, onConnectionFailure }: TransportParts, connections: OpenConnections): Server {
  const server = tls === undefined ? createServer() : createTlsServer({ ...tls, ...tlsDefaults })
  server.maxConnections = maxConnections
  server.on('connection', connections.accept)
  server.on(tls === undefined ? 'connection' : 'secureConnection', connections.start)
  server.on('tlsClientError', ({ code = 'none' }: NodeJS.ErrnoException, socket: TLSSocket) => {
    const failure = { code: errorCodes.noError, message: `the TLS handshake failed (${code})` }
    onConnectionFailure(failure, socket.remoteAddress)
    socket.destroy()
  })
  return server
}

type OpenConnections = ReturnType<typeof openConnections>

function openConnections(parts: TransportParts) {
  const open = new Set<Connection>()
  /** Sockets in the TLS handshake, by the address of their peer. */
  const handshaking = new Map<string, Socket>()
  const pace = new OpenPace()
  let draining = false

  function openConnection(socket: Socket): void {
    const onClose = () => {
      stopKeepalive()
      open.delete(connection)
    }
    const onFailure = (failure: ConnectionFailure) => parts.onConnectionFailure(failure, socket.remoteAddress)
    const connection = new Connection({ ...parts, pace, socket, onClose, onFailure })
    const stopKeepalive = keepalive(connection, parts)
    open.add(connection)
  }

  return {
    accept(socket: Socket): void {
      const peer = peerOf(socket)
      handshaking.set(peer, socket)
      socket.once('close', () => handshaking.get(peer) === socket && handshaking.delete(peer))
      socket.on('error', () => undefined) // such as a reset during the handshake
    },
    start(socket: Socket | TLSSocket): void {
      handshaking.delete(peerOf(socket))
      const isOtherProtocol = 'alpnProtocol' in socket && socket.alpnProtocol !== 'h2'
      if (draining || isOtherProtocol) socket.destroy()
      else openConnection(socket)
    },
    drain(): void {
      draining = true
      for (const socket of handshaking.values()) socket.destroy()
      for (const connection of open) connection.drain()
    },
    abort(): void {
      for (const connection of open) connection.abort()
    },
  }
}

function peerOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`
}
