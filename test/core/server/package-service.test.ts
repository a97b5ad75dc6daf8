import { Metadata, type ServiceError } from '@grpc/grpc-js'
import { expect } from 'chai'
import { packageService } from '../../../src/core/server/package-service.js'
import { atEnd, releaseAll, until } from '../fake-frontend.js'
import { rawStreams, serveHandlers } from '../fake-streams.js'

const path = '/test.Library/Watch'
const same = (bytes: Buffer) => bytes
const bytes = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same }
const definition = { watch: { path, requestStream: false, responseStream: true, ...bytes } }

interface Watcher {
  request: Buffer
  write(answer: Buffer): void
  once(event: 'cancelled', listener: () => void): void
}

/** A service that keeps whoever watches, as the packages' do. */
async function serveWatchers() {
  const watching: Watcher[] = []
  const bugs: unknown[] = []
  const watch = (stream: Watcher) => {
    if (stream.request.toString() === 'bug') throw new TypeError('a bug')
    watching.push(stream)
    stream.once('cancelled', () => watching.splice(watching.indexOf(stream), 1))
    stream.write(Buffer.from('seen'))
  }
  const service = packageService(
    (server) => void server.addService(definition, { watch } as never),
    (bug) => bugs.push(bug),
  )
  return { ...(await serveHandlers(service.handlers)), watching, bugs }
}

function call(address: string, request: string, options: { deadline?: number } = {}) {
  const stream = rawStreams(address).makeServerStreamRequest(
    path,
    same,
    same,
    Buffer.from(request),
    new Metadata(),
    options,
  )
  atEnd(() => stream.cancel())
  stream.on('data', () => undefined)
  return { stream, ended: new Promise<ServiceError>((resolve) => stream.once('error', resolve)) }
}

describe('service of a package', () => {
  afterEach(releaseAll)

  it('ends calls that cancel, and calls past their deadline with a status', async () => {
    const { address, watching } = await serveWatchers()
    const cancelled = call(address, 'one')
    const late = call(address, 'two', { deadline: Date.now() + 1_500 })
    await until(() => watching.length === 2)
    cancelled.stream.cancel()
    await until(() => watching.length === 1)
    expect(await late.ended).to.include({ code: 4 })
    await until(() => watching.length === 0)
  })

  it('reports its bugs, and answers INTERNAL', async () => {
    const { address, bugs } = await serveWatchers()
    expect(await call(address, 'bug').ended).to.include({ code: 13, details: 'internal error' })
    expect(bugs).to.have.length(1)
  })
})
