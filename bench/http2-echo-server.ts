// A bare gRPC echo of one hop, written by hand on an HTTP/2 server without grpc-js: on node:http2, or on our own. It shows
// what each server costs at least (ADR 16). A request begins with the number of bytes wanted back, as in echo-server.ts.
import { createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { http2Server } from '../src/core/http2/http2-server.js'
import type { HeaderFields, TransportStream } from '../src/core/transport.js'

const prefixSize = 5
const maxStreams = 1_000
const hourMs = 3_600_000
const host = '127.0.0.1'

/** The message that answers a message; both with their prefix. */
function answerTo(request: Buffer): Buffer {
  const size = request.readUInt32BE(prefixSize)
  const answer = Buffer.alloc(prefixSize + size)
  answer.writeUInt32BE(size, 1)
  return answer
}

function joined(pieces: Buffer[]): Buffer {
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)
}

const nodeHeaders = { ':status': 200, 'content-type': 'application/grpc' }
const nodeTrailers = { 'grpc-status': '0' }

function answerOnNode(stream: ServerHttp2Stream): void {
  const pieces: Buffer[] = []
  stream.on('data', (bytes: Buffer) => pieces.push(bytes))
  stream.on('end', () => {
    stream.respond(nodeHeaders, { waitForTrailers: true })
    stream.end(answerTo(joined(pieces)))
  })
  stream.on('wantTrailers', () => stream.sendTrailers(nodeTrailers))
  stream.on('error', () => undefined)
}

function listenOnNode(): Promise<number> {
  const server = createServer({ settings: { maxConcurrentStreams: maxStreams, initialWindowSize: 1024 * 1024 } })
  server.on('stream', answerOnNode)
  return new Promise((resolve) => server.listen(0, host, () => resolve((server.address() as AddressInfo).port)))
}

const ownHeaders: HeaderFields = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
]
const ownTrailers: HeaderFields = [['grpc-status', '0']]
const nothing = () => undefined

function answerOnOwn(stream: TransportStream): void {
  const pieces: Buffer[] = []
  stream.observer = {
    onData(bytes) {
      pieces.push(bytes)
      stream.extendWindow(bytes.length)
    },
    onEnd() {
      stream.sendHeaders(ownHeaders)
      stream.send(answerTo(joined(pieces)))
      stream.finish(ownTrailers, true)
    },
    onDrain: nothing,
    onFinish: nothing,
    onAbort: nothing,
  }
}

function fail(cause: unknown): never {
  throw cause
}

function listenOnOwn(): Promise<number> {
  const limits = { tls: undefined, maxStreams, maxConnectionAgeMs: hourMs, callers: 'public' } as const
  const events = { onRequest: answerOnOwn, onConnectionFailure: fail, onInternalError: fail }
  return http2Server({ ...limits, ...events }).listen({ host, port: 0 })
}

const [implementation] = process.argv.slice(2)
const port = await (implementation === 'node' ? listenOnNode() : listenOnOwn())
process.stdout.write(`listening on ${host}:${port}\n`)
process.once('SIGTERM', () => process.exit(0))
