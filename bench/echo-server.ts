// A bare gRPC echo, the yardstick: nothing but grpc-js. With an address it forwards to the next hop, without one it
// answers. A request begins with the number of bytes wanted back.
import { Client, credentials, type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js'

const same = (frame: Buffer) => frame
const raw = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same }
const path = '/bench.Echo/Echo'
const definition = { echo: { path, requestStream: false, responseStream: false, ...raw } } as const

const [next] = process.argv.slice(2)

const answer: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
  callback(null, Buffer.alloc(call.request.readUInt32BE(0)))
}

function forwardTo(address: string): handleUnaryCall<Buffer, Buffer> {
  const client = new Client(address, credentials.createInsecure())
  return (call, callback) => client.makeUnaryRequest(path, same, same, call.request, callback)
}

const server = new Server()
server.addService(definition, { echo: next === undefined ? answer : forwardTo(next) })
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error
  process.stdout.write(`listening on 127.0.0.1:${port}\n`)
})
process.once('SIGTERM', () => process.exit(0))
