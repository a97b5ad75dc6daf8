// A front end behind real gRPC, and a client that sends whatever bytes a test makes up.
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import { expect } from 'chai'
import { type Logger, openLog } from '../../src/core/log/log.js'
import { startServer } from '../../src/core/server/server.js'
import { frontendLimits } from '../../src/frontend/config.js'
import { FrontendServiceService } from '../../src/gen/encserver/v1/frontend.js'
import { type FrontEnd, frontendConfig } from './world.js'

export const silentLog = openLog('test', { level: 'debug', dir: '', stdout: false })

/** What a server answered when it refused: the code, the text and the bytes of the google.rpc.Status. */
export interface WireRefusal {
  code: number
  message: string
  details: Buffer
}

export interface Wire {
  address: string
  /** The answer's bytes; rejects with the ServiceError. */
  send(method: keyof typeof FrontendServiceService, frame: Uint8Array): Promise<Buffer>
  refused(method: keyof typeof FrontendServiceService, frame: Uint8Array): Promise<WireRefusal>
  close(): Promise<void>
}

const requestId = 'always-the-same'

export async function openWire({ service }: Pick<FrontEnd, 'service'>, log: Logger = silentLog): Promise<Wire> {
  const config = frontendConfig({ port: 0 })
  const server = await startServer({
    callers: 'public',
    section: 'frontend',
    listen: config,
    limits: frontendLimits(config),
    service: { name: 'encserver.v1.FrontendService', definition: FrontendServiceService, methods: service },
    log,
  })
  const address = `127.0.0.1:${server.port}`
  const client = new Client(address, credentials.createInsecure())
  const same = (bytes: Buffer) => bytes
  const send: Wire['send'] = (method, frame) =>
    new Promise((resolve, reject) => {
      const metadata = new Metadata()
      metadata.set('x-request-id', requestId)
      const { path } = FrontendServiceService[method]
      client.makeUnaryRequest(path, same, same, Buffer.from(frame), metadata, (error, response) =>
        error ? reject(error) : resolve(response as Buffer),
      )
    })
  return {
    address,
    send,
    async refused(method, frame) {
      const error = (await send(method, frame).then(
        () => expect.fail('should have been refused'),
        (thrown: unknown) => thrown,
      )) as ServiceError
      const [details] = error.metadata.get('grpc-status-details-bin')
      return { code: error.code, message: error.details, details: details as Buffer }
    },
    async close() {
      client.close()
      await server.stop()
    },
  }
}

/** A field of wire type 2: `number`, length, bytes; at most 127 bytes. */
export function bytesField(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of((number << 3) | 2, bytes.length), bytes])
}
