// A TCP proxy before a server that can do to it what networks do: cut, delay, refuse, or take everything and answer
// nothing.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface FaultProxy {
  readonly port: number
  /** Delays every piece, in each direction. */
  delay(ms: number): void
  /** Breaks the connections that are open now. */
  cut(): void
  /** Lets the next request with this command through, and breaks its connection when the answer comes. */
  cutAnswerTo(command: string): void
  /** Breaks all connections and refuses new ones, until `resume`. */
  refuse(): Promise<void>
  /** Half-open: connections stay and are taken, and nothing passes, until `resume`. */
  silence(): void
  resume(): Promise<void>
  close(): Promise<void>
}

interface Pair {
  client: Socket
  server: Socket
  cutAnswer: boolean
}

export async function faultProxy(target: number): Promise<FaultProxy> {
  const pairs = new Set<Pair>()
  let delayMs = 0
  let silent = false
  let cutNext: string | undefined

  function breakPair({ client, server }: Pair): void {
    client.resetAndDestroy()
    server.destroy()
  }

  function request(pair: Pair, piece: Buffer): void {
    if (cutNext !== undefined && piece.includes(`${cutNext}\0`)) {
      pair.cutAnswer = true
      cutNext = undefined
    }
    pass(pair.server, piece)
  }

  function answer(pair: Pair, piece: Buffer): void {
    if (pair.cutAnswer) breakPair(pair)
    else pass(pair.client, piece)
  }

  function pass(to: Socket, piece: Buffer): void {
    const write = () => to.writable && to.write(piece)
    if (delayMs === 0) write()
    else setTimeout(write, delayMs).unref()
  }

  const listener = createServer({ noDelay: true }, (client) => {
    const server = connect({ port: target, host: '127.0.0.1', noDelay: true })
    const pair: Pair = { client, server, cutAnswer: false }
    pairs.add(pair)
    client.on('data', (piece: Buffer) => request(pair, piece))
    server.on('data', (piece: Buffer) => answer(pair, piece))
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        pairs.delete(pair)
        other.destroy()
      })
      if (silent) socket.pause()
    }
  })

  async function listen(port: number): Promise<void> {
    listener.listen(port, '127.0.0.1')
    await once(listener, 'listening')
  }

  async function stopListening(): Promise<void> {
    const closed = once(listener, 'close')
    listener.close()
    for (const pair of pairs) breakPair(pair)
    await closed
  }

  await listen(0)
  const { port } = listener.address() as AddressInfo
  return {
    port,
    delay(ms) {
      delayMs = ms
    },
    cut() {
      for (const pair of pairs) breakPair(pair)
    },
    cutAnswerTo(command) {
      cutNext = command
    },
    refuse: stopListening,
    silence() {
      silent = true
      for (const { client, server } of pairs) {
        client.pause()
        server.pause()
      }
    },
    async resume() {
      delayMs = 0
      cutNext = undefined
      silent = false
      for (const { client, server } of pairs) {
        client.resume()
        server.resume()
      }
      if (!listener.listening) await listen(port)
    },
    async close() {
      if (listener.listening) await stopListening()
    },
  }
}
