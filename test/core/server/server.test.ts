import { connect as connectHttp2, constants } from 'node:http2'
import { connect as connectTcp, createServer } from 'node:net'
import { ChannelCredentials, type Client, loadPackageDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { expect } from 'chai'
import { newCall } from '../../../src/core/client/client.js'
import type { CallSignal } from '../../../src/core/concurrency/call-signal.js'
import type { VaultError } from '../../../src/core/errors.js'
import type { CallContext } from '../../../src/core/methods.js'
import { fromServiceError } from '../../../src/core/status.js'
import { RetrieveRecordRequest } from '../../../src/gen/encserver/v1/frontend.js'
import { makeCertificate } from '../certificates.js'
import {
  atEnd,
  clientOf,
  failure,
  gate,
  rawClient,
  releaseAll,
  retrieval,
  retrieve,
  serveFake,
  tempDir,
  until,
} from '../fake-frontend.js'

const nothing = { data: Buffer.alloc(0), record: undefined }

/** A server with one call in it, which goes on until `open`. */
async function busyServer(drainMs: number) {
  const { opened, open } = gate()
  const signals: CallSignal[] = []
  const retrieveRecord = async (_: unknown, { signal }: CallContext) => {
    signals.push(signal)
    await opened
    return nothing
  }
  const server = await serveFake({ methods: { retrieveRecord }, limits: { drainMs } })
  atEnd(open)
  const call = retrieve(server.address)
  call.catch(() => undefined)
  await until(() => signals.length === 1)
  return { ...server, call, open, signals }
}

function listServices(address: string): Promise<string[]> {
  const path = new URL('../../../node_modules/@grpc/reflection/build/proto/grpc/reflection/v1/', import.meta.url)
    .pathname
  const definition = loadSync(`${path}reflection.proto`)
  const { ServerReflection } = loadPackageDefinition({
    ServerReflection: definition['grpc.reflection.v1.ServerReflection']! as never,
  })
  const client = new (ServerReflection as typeof Client)(address, ChannelCredentials.createInsecure()) as Client & {
    ServerReflectionInfo(): NodeJS.ReadWriteStream
  }
  atEnd(() => client.close())
  return new Promise((resolve, reject) => {
    const stream = client.ServerReflectionInfo()
    stream.on('error', reject)
    stream.on('data', (answer: { listServicesResponse: { service: { name: string }[] } }) => {
      stream.end()
      resolve(answer.listServicesResponse.service.map(({ name }) => name))
    })
    stream.write({ listServices: '*' } as never)
  })
}

describe('server', () => {
  afterEach(releaseAll)

  it('tells by reflection what it serves, and not what others do', async () => {
    const { address } = await serveFake()
    expect(await listServices(address)).to.have.members([
      'encserver.v1.FrontendService',
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
    ])
  })

  it('answers NOT_SUPPORTED for a method it does not have', async () => {
    const { address } = await serveFake()
    const { error } = await rawClient(address)({ path: '/encserver.v1.FrontendService/Invented' })
    expect(fromServiceError(error!)).to.include({ reason: 'NOT_SUPPORTED' })
  })

  it('refuses a message above its limit, and takes one at the limit', async () => {
    const { address } = await serveFake({ limits: { maxReceiveBytes: 10_000 } })
    const { methods } = clientOf(address)
    const room =
      10_000 - RetrieveRecordRequest.encode(retrieval({ callerAad: Buffer.alloc(9_000) })).finish().length + 9_000
    const { data } = await methods.retrieveRecord(retrieval({ callerAad: Buffer.alloc(room) }), newCall())
    expect(data).to.have.length(room)
    const error = await failure(methods.retrieveRecord(retrieval({ callerAad: Buffer.alloc(room + 1) }), newCall()))
    expect(error).to.include({
      reason: 'INVALID_REQUEST',
      kind: 'invalid',
      message: 'a message of 10001 bytes is larger than the 10000 that are accepted',
    })
  })

  it('says where it cannot listen', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    atEnd(() => taken.close())
    const { port } = taken.address() as { port: number }
    const error = (await failure(serveFake({ listen: { port } }))) as VaultError
    expect(error).to.include({
      reason: 'INVALID_REQUEST',
      message: `cannot listen on 127.0.0.1:${port}: the port is in use`,
    })
    expect(String(error.cause)).to.include('EADDRINUSE')
  })

  for (const host of ['no such host', '192.0.2.1']) {
    it(`says that it cannot listen on "${host}"`, async () => {
      const error = await failure(serveFake({ listen: { host, insecure: true } }))
      expect(error)
        .to.include({ reason: 'INVALID_REQUEST' })
        .and.have.property('message')
        .that.includes(`cannot listen on ${host}:0`)
    })
  }

  it('tells the log of callers that do not get as far as TLS', async () => {
    const { certFile, keyFile } = makeCertificate(tempDir(), 'server')
    const { port, events } = await serveFake({ listen: { tls: { certFile, keyFile, clientCaFile: '' } } })
    const socket = connectTcp(port, '127.0.0.1')
    socket.on('error', () => undefined)
    atEnd(() => socket.destroy())
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await until(() => events.length > 0)
    expect(events[0]).to.include({ level: 'info', message: 'connection', peer: '127.0.0.1' })
    expect(events[0]!['why']).to.match(/^the TLS handshake failed \(ERR_SSL_\w+\)$/)
  })

  it('tells the log of callers that do not speak HTTP/2, and where they are', async () => {
    const { port, events } = await serveFake()
    const socket = connectTcp(port, '127.0.0.1')
    atEnd(() => socket.destroy())
    socket.on('error', () => undefined).write('GET / HTTP/1.1\r\n\r\n')
    await until(() => events.length > 0)
    expect(events[0]).to.include({ message: 'connection', why: 'this is not HTTP/2', peer: '127.0.0.1' })
  })

  describe('stop', () => {
    it('lets the call in flight finish, refuses new ones, and then ends', async () => {
      const { stop, call, open, signals, address, events } = await busyServer(60_000)
      const stopped = stop()
      const refused = (await failure(retrieve(address))) as VaultError
      expect(refused).to.include({ reason: 'UNREACHABLE' })
      let ended = false
      void stopped.then(() => (ended = true))
      await new Promise((resolve) => setTimeout(resolve, 30))
      expect(ended).to.equal(false)
      expect(signals[0]!.aborted).to.equal(false)
      open()
      expect((await call).data).to.have.length(0)
      await stopped
      expect(events.map(({ message }) => message)).to.deep.equal(['call'])
    })

    it('cuts what has not finished after drainMs: its caller sees a broken connection, its handler an abort', async () => {
      const { stop, call, open, signals, events } = await busyServer(50)
      signals[0]!.addEventListener('abort', open)
      const startedAt = Date.now()
      const [error] = await Promise.all([failure(call), stop()])
      expect(Date.now() - startedAt).to.be.at.least(49)
      expect(error).to.include({ reason: 'UNREACHABLE' })
      expect(signals[0]!.aborted).to.equal(true)
      const problem = 'calls in flight are aborted: they took longer than drainMs'
      expect(events[0]).to.include({ level: 'warn', message: 'stopping', problem, drainMs: 50 })
    })

    it('waits for a handler whose caller has gone', async () => {
      const { opened, open } = gate()
      let running = 0
      const retrieveRecord = async () => {
        running += 1
        await opened.finally(() => (running -= 1))
        return nothing
      }
      const { address, stop } = await serveFake({ methods: { retrieveRecord } })
      const controller = new AbortController()
      const call = failure(retrieve(address, { signal: controller.signal }))
      await until(() => running === 1)
      controller.abort()
      await call
      setTimeout(open, 50)
      await stop()
      expect(running).to.equal(0)
    })

    it('gives up on a handler that heeds no signal', async () => {
      const { stop, call } = await busyServer(20)
      const startedAt = Date.now()
      await Promise.all([failure(call), stop()])
      expect(Date.now() - startedAt).to.be.within(999, 30_000)
    })

    it('is the same stop when asked twice', async () => {
      const { stop, open } = await busyServer(60_000)
      const stops = [stop(), stop()]
      expect(stops[0]).to.equal(stops[1])
      open()
      await Promise.all([...stops, stop()])
    })

    it('cannot be made ready any more', async () => {
      const { stop, setReady, open, address } = await busyServer(60_000)
      const stopped = stop()
      setReady(true)
      open()
      await stopped
      expect(await failure(retrieve(address))).to.include({ reason: 'UNREACHABLE' })
    })

    it('is not held up by idle callers', async () => {
      const { address, stop } = await serveFake({ limits: { drainMs: 60_000 } })
      await rawClient(address)()
      const session = connectHttp2(`http://${address}`)
      session.on('error', () => undefined)
      const socket = connectTcp(Number(address.split(':')[1]), '127.0.0.1')
      socket.on('error', () => undefined)
      atEnd(() => [session.destroy(), socket.destroy()])
      await Promise.all([session, socket].map((each) => new Promise((resolve) => each.once('connect', resolve))))
      const startedAt = Date.now()
      await stop()
      expect(Date.now() - startedAt).to.be.below(30_000)
    })

    it('is not held up by a TLS caller that says nothing', async () => {
      const dir = tempDir()
      const authority = makeCertificate(dir, 'authority')
      const { certFile, keyFile } = makeCertificate(dir, 'server', authority)
      const tls = { certFile, keyFile, clientCaFile: '' }
      const { port, stop } = await serveFake({ listen: { tls }, limits: { drainMs: 60_000 } })
      const socket = connectTcp(port, '127.0.0.1')
      atEnd(() => socket.destroy())
      await new Promise((resolve) => socket.once('connect', resolve))
      const startedAt = Date.now()
      await stop()
      expect(Date.now() - startedAt).to.be.below(30_000)
    })

    it('cuts a stream that is open and sends nothing', async () => {
      const { address, stop } = await serveFake({ limits: { drainMs: 50 } })
      const session = connectHttp2(`http://${address}`)
      atEnd(() => session.destroy())
      const headers = {
        ':method': 'POST',
        ':path': '/encserver.v1.FrontendService/RetrieveRecord',
        'content-type': 'application/grpc',
      }
      const stream = session.request(headers)
      const closed = new Promise((resolve) => stream.once('close', resolve))
      for (const each of [session, stream]) each.on('error', () => undefined)
      await new Promise((resolve) => session.once('remoteSettings', resolve))
      const startedAt = Date.now()
      await stop()
      expect(Date.now() - startedAt).to.be.below(30_000)
      await closed
      expect(stream.rstCode).to.be.oneOf([constants.NGHTTP2_CANCEL, constants.NGHTTP2_REFUSED_STREAM])
    })
  })
})
