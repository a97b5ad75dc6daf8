// Fixtures of mocha's main process: a loopback port at which the workers ask for the one MongoDB that all test files
// share. The first who asks has it started; it ends with this process.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { sharedPort, startMongo, type TestMongo } from './mongo.js'

let listener: Server
let started: Promise<TestMongo> | undefined

async function answer(): Promise<string> {
  started ??= startMongo()
  return started.then(
    ({ kind, uri, port }) => JSON.stringify({ kind, uri, port }),
    (error: unknown) => JSON.stringify({ failure: String(error) }),
  )
}

/** Runs before the first worker starts, which inherits the environment. */
export async function mochaGlobalSetup(): Promise<void> {
  listener = createServer((socket) => {
    socket.on('error', () => undefined)
    void answer().then((line) => socket.end(line))
  })
  listener.listen(0, '127.0.0.1').unref()
  await once(listener, 'listening')
  process.env[sharedPort] = String((listener.address() as AddressInfo).port)
}

/** Runs after the last test. */
export function mochaGlobalTeardown(): void {
  listener.close()
}
