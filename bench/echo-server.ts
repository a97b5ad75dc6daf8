// A bare gRPC echo, the yardstick: nothing but grpc-js. With an address it forwards to the next hop, without one it
// answers. A request begins with the number of bytes wanted back. Its streams are in echo-streams.ts.
import { Client, credentials, type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js'
import { answerStreams, forwardStreams, sinkPath, sourcePath } from './echo-streams.js'

const same = (frame: Buffer) => frame
const raw = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same }
const path = '/bench.Echo/Echo'
const definition = {
  echo: { path, requestStream: false, responseStream: false, ...raw },
  sink: { path: sinkPath, requestStream: true, responseStream: false, ...raw },
  source: { path: sourcePath, requestStream: false, responseStream: true, ...raw },
} as const

const [next] = process.argv.slice(2)

const answer: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
  callback(null, Buffer.alloc(call.request.readUInt32BE(0)))
}

function forwardTo(client: Client): handleUnaryCall<Buffer, Buffer> {
  return (call, callback) => client.makeUnaryRequest(path, same, same, call.request, callback)
}

// As much on its way to it as to the front end of the vault.
function clientOf(address: string): Client {
  return new Client(address, credentials.createInsecure(), { 'grpc-node.flow_control_window': 1024 * 1024 })
}

function handlers(address: string | undefined) {
  if (address === undefined) return { echo: answer, ...answerStreams }
  const client = clientOf(address)
  return { echo: forwardTo(client), ...forwardStreams(client) }
}

const server = new Server()
server.addService(definition, handlers(next))
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error
  process.stdout.write(`listening on 127.0.0.1:${port}\n`)
})
process.once('SIGTERM', () => process.exit(0))
