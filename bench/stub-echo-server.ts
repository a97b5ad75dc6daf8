// An echo as services write it: the messages of the vault, generated stubs, the caller's deadline handed on, and nothing
// done. With an address it forwards to the next hop, without one it answers, with what was stored last.
import { credentials, Metadata, Server, ServerCredentials } from '@grpc/grpc-js'
import {
  FrontendServiceClient,
  type FrontendServiceServer,
  FrontendServiceService,
  RetrieveRecordResponse,
  StoreRecordResponse,
} from '../src/gen/encserver/v1/frontend.js'

type Echo = Pick<FrontendServiceServer, 'storeRecord' | 'retrieveRecord'>

const [next] = process.argv.slice(2)

function answering(): Echo {
  const stored = StoreRecordResponse.create({
    recordKey: `rvk1_${'a'.repeat(88)}`,
    version: 1n,
    keyId: Buffer.alloc(16),
  })
  let answer = RetrieveRecordResponse.create()
  return {
    storeRecord({ request: { data = Buffer.alloc(0) } }, callback) {
      answer = RetrieveRecordResponse.create({ data })
      callback(null, stored)
    },
    retrieveRecord: (_, callback) => callback(null, answer),
  }
}

function forwardingTo(address: string): Echo {
  const client = new FrontendServiceClient(address, credentials.createInsecure())
  return {
    storeRecord: (call, callback) =>
      client.storeRecord(call.request, new Metadata(), { deadline: call.getDeadline() }, callback),
    retrieveRecord: (call, callback) =>
      client.retrieveRecord(call.request, new Metadata(), { deadline: call.getDeadline() }, callback),
  }
}

const { storeRecord, retrieveRecord } = FrontendServiceService
const server = new Server()
server.addService({ storeRecord, retrieveRecord }, { ...(next === undefined ? answering() : forwardingTo(next)) })
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error
  process.stdout.write(`listening on 127.0.0.1:${port}\n`)
})
process.once('SIGTERM', () => process.exit(0))
