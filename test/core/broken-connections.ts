// Servers of plain bytes, and connections that a test cuts; all end with the test (`releaseAll`).
import type { Http2Server } from 'node:http2'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { atEnd } from './fake-frontend.js'

export async function listening(server: Server | Http2Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await new Promise<unknown>((resolve) => server.once('listening', resolve))
  atEnd(() => server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

export function tcpServer(onConnection: (socket: Socket) => void): Promise<string> {
  return listening(
    createServer((socket) => {
      socket.on('error', () => undefined)
      atEnd(() => socket.destroy())
      onConnection(socket)
    }),
  )
}

/** Passes bytes on to `address`; `cut` destroys all its connections. */
export async function proxyTo(address: string) {
  const sockets = new Set<Socket>()
  const front = await tcpServer((socket) => {
    const back = connect(Number(address.split(':')[1]), '127.0.0.1')
    back.on('error', () => undefined)
    socket.pipe(back)
    back.pipe(socket)
    sockets.add(socket).add(back)
  })
  const cut = () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  atEnd(cut)
  return { address: front, cut }
}
