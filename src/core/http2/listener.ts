// Listens, with TLS or without, and keeps the connections: how many there are, how old they get, how they end.
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { Connection } from './connection.js'
import { type KeepaliveLimits, keepalive } from './keepalive.js'
import type { RequestFields } from './request-fields.js'
import type { Stream } from './stream.js'

export interface ListenerParts {
  /** Undefined for plain text. */
  tls: TlsOptions | undefined
  limits: KeepaliveLimits & { maxStreams: number }
  opened(stream: Stream, fields: RequestFields): void
  unexpected(cause: unknown): void
}

export interface Listener {
  /** The port bound; rejects when the address cannot be. */
  listen(address: { host: string; port: number }): Promise<number>
  /** No new connections and streams; resolves when all that were open have ended. */
  leave(): Promise<void>
  /** Cuts what is still open. */
  cut(): void
}

const maxConnections = 10_000
const handshakeMs = 20_000

export function listener({ tls, limits, opened, unexpected }: ListenerParts): Listener {
  const sockets = new Set<Socket>()
  const connections = new Set<Connection>()
  const server = tls === undefined ? createServer() : createTlsServer({ ...tls, ...tlsDefaults })
  server.maxConnections = maxConnections
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => undefined) // such as a reset in mid-handshake
  })
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket | TLSSocket) => {
    if ('alpnProtocol' in socket && socket.alpnProtocol !== 'h2') socket.destroy()
    else begin(socket)
  })
  server.on('tlsClientError', (_, socket: TLSSocket) => socket.destroy())

  function begin(socket: Socket): void {
    const closed = () => {
      rest()
      connections.delete(connection)
    }
    const connection = new Connection({ socket, maxStreams: limits.maxStreams, opened, closed, unexpected })
    const rest = keepalive(connection, limits)
    connections.add(connection)
  }

  return {
    listen: (address) => bind(server, address),
    leave() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const connection of connections) connection.leave()
      return closed
    },
    cut() {
      for (const connection of connections) connection.cut()
      for (const socket of sockets) socket.destroySoon()
    },
  }
}

const tlsDefaults: TlsOptions = { ALPNProtocols: ['h2'], handshakeTimeout: handshakeMs }

function bind(server: Server, { host, port }: { host: string; port: number }): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve((server.address() as { port: number }).port)
    })
  })
}
