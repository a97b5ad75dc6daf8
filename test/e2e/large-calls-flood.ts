// Sends many large calls at once to the front end at argv[2], in a process of its own, so that the test's own clock stays
// right: `retrieve` or `store`, so many times, of records of so many bytes. Prints how many succeeded and how each other failed.
import { Client, credentials, type ServiceError } from '@grpc/grpc-js'
import {
  FrontendServiceService,
  RetrieveRecordRequest,
  StoreRecordRequest,
} from '../../src/gen/encserver/v1/frontend.js'

const [, , address = '', kind = '', count = '', bytes = ''] = process.argv
const { storeRecord, retrieveRecord } = FrontendServiceService
const client = new Client(address, credentials.createInsecure(), { 'grpc.enable_retries': 0 })
const data = Buffer.alloc(Number(bytes), 'PAYLOADS')
const deadline = Date.now() + 170_000

function store(recordName: string): Promise<string> {
  const { path, requestSerialize, responseDeserialize } = storeRecord
  const request = StoreRecordRequest.create({ userId: 'flood', recordName, data })
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, { deadline }, (error, answer) =>
      error ? reject(error) : resolve(answer?.recordKey ?? ''),
    )
  })
}

/** Does not keep the answer. */
function retrieve(recordKey: string): Promise<number> {
  const { path, requestSerialize } = retrieveRecord
  const request = RetrieveRecordRequest.create({ userId: 'flood', recordName: 'first', recordKey })
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      ({ length }) => length,
      request,
      { deadline },
      (error, size) => (error ? reject(error) : resolve(size ?? 0)),
    )
  })
}

const recordKey = await store('first')
const call = kind === 'store' ? (at: number) => store(`r${at}`) : () => retrieve(recordKey)
const outcomes = await Promise.allSettled(Array.from({ length: Number(count) }, (_, at) => call(at)))
const failures: Record<string, number> = {}
for (const outcome of outcomes) {
  if (outcome.status === 'fulfilled') continue
  const { code, details } = outcome.reason as ServiceError
  failures[`${code} ${details}`] = (failures[`${code} ${details}`] ?? 0) + 1
}
const done = outcomes.filter(({ status }) => status === 'fulfilled').length
process.stdout.write(JSON.stringify({ done, failures }))
client.close()
