// A TCP proxy that misbehaves on demand: it delays, stalls or cuts what passes between two processes.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Sandbox } from './processes.js'

type Direction = 'up' | 'down'

export interface TcpProxy {
  readonly address: string
  /** Delays every piece, in each direction. */
  delay(ms: number): void
  /** Accepts connections, and passes nothing on until `resume`. */
  stall(): void
  resume(): void
  /** Asked before each piece that goes up (to the server) or down: false holds the piece back for good. */
  filter(passes: (direction: Direction, piece: Buffer) => boolean): void
  /** Breaks all connections. */
  cut(): void
}

interface Pair {
  client: Socket
  server: Socket
}

const passAll = () => true

/** Starts a proxy before the server at `target`. */
export async function startProxy(box: Sandbox, target: { port: number }): Promise<TcpProxy> {
  const pairs = new Set<Pair>()
  let delayMs = 0
  let stalled = false
  let passes: (direction: Direction, piece: Buffer) => boolean = passAll

  function forward(direction: Direction, from: Socket, to: Socket): void {
    from.on('data', (piece: Buffer) => {
      const pass = () => passes(direction, piece) && to.writable && to.write(piece)
      if (delayMs === 0) pass()
      else setTimeout(pass, delayMs)
    })
    from.on('error', () => undefined)
    from.on('close', () => to.destroy())
    if (stalled) from.pause()
  }

  const listener = createServer((client) => {
    const pair = { client, server: connect(target.port, '127.0.0.1') }
    pairs.add(pair)
    client.once('close', () => pairs.delete(pair))
    forward('up', client, pair.server)
    forward('down', pair.server, client)
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')

  const each = (act: (socket: Socket) => void) => {
    for (const { client, server } of pairs) {
      act(client)
      act(server)
    }
  }
  const cut = () => each((socket) => socket.resetAndDestroy())
  box.defer(() => {
    cut()
    listener.close()
  })
  return {
    address: `127.0.0.1:${(listener.address() as AddressInfo).port}`,
    delay(ms) {
      delayMs = ms
    },
    stall() {
      stalled = true
      each((socket) => socket.pause())
    },
    resume() {
      stalled = false
      passes = passAll
      each((socket) => socket.resume())
    },
    filter(next) {
      passes = next
    },
    cut,
  }
}
