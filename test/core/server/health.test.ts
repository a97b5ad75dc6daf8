import { ChannelCredentials, type Client, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js'
import { expect } from 'chai'
import { service } from 'grpc-health-check'
import { serveHealth } from '../../../src/core/server/health.js'
import { atEnd, releaseAll, serveFake, until } from '../fake-frontend.js'
import { serveHandlers } from '../fake-streams.js'

const frontend = 'encserver.v1.FrontendService'

interface HealthCaller extends Client {
  check(request: object, callback: (error: ServiceError | null, answer?: { status: string }) => void): void
  watch(
    request: object,
  ): AsyncIterable<{ status: string }> & { cancel(): void; on(event: string, listener: () => void): void }
}

function healthClient(address: string): HealthCaller {
  const { Health } = loadPackageDefinition({ Health: service }) as unknown as { Health: typeof Client }
  const client = new Health(address, ChannelCredentials.createInsecure()) as HealthCaller
  atEnd(() => client.close())
  return client
}

function check(client: HealthCaller, name: string): Promise<string | number> {
  return new Promise((resolve) => {
    client.check({ service: name }, (error, answer) => resolve(error?.code ?? answer!.status))
  })
}

/** What a watch has said so far; the last word is "end" or an error's code. */
function watch(client: HealthCaller, name: string) {
  const said: (string | number)[] = []
  const stream = client.watch({ service: name })
  const read = async () => {
    for await (const { status } of stream) said.push(status)
  }
  void read().then(
    () => said.push('end'),
    (error: ServiceError) => said.push(error.code),
  )
  return { said, cancel: () => stream.cancel() }
}

describe('health', () => {
  afterEach(releaseAll)

  it('answers NOT_SERVING until ready, for the service and for the whole server', async () => {
    const { address, setReady } = await serveFake()
    const client = healthClient(address)
    for (const name of ['', frontend]) expect(await check(client, name)).to.equal('NOT_SERVING')
    setReady(true)
    for (const name of ['', frontend]) expect(await check(client, name)).to.equal('SERVING')
    setReady(false)
    for (const name of ['', frontend]) expect(await check(client, name)).to.equal('NOT_SERVING')
    expect(await check(client, 'encserver.v1.BackendService')).to.equal(5)
  })

  it('reports every change to watchers', async () => {
    const { address, setReady } = await serveFake()
    const { said, cancel } = watch(healthClient(address), frontend)
    await until(() => said.length === 1)
    setReady(true)
    await until(() => said.length === 2)
    setReady(false)
    await until(() => said.length === 3)
    expect(said).to.eql(['NOT_SERVING', 'SERVING', 'NOT_SERVING'])
    cancel()
    await until(() => said.length === 4)
    setReady(true)
  })

  it('cannot become ready after the close', async () => {
    const health = serveHealth(frontend, (cause) => expect.fail(String(cause)))
    const { address } = await serveHandlers(health.handlers)
    const client = healthClient(address)
    health.setReady(true)
    health.close()
    health.setReady(true)
    expect(await check(client, frontend)).to.equal('NOT_SERVING')
    const { said } = watch(client, frontend)
    await until(() => said.length === 2)
    expect(said).to.eql(['NOT_SERVING', 'end'])
  })

  it('ends the streams of watchers at the stop', async () => {
    const server = await serveFake({ limits: { drainMs: 60_000 } })
    server.setReady(true)
    const client = healthClient(server.address)
    const watches = [watch(client, ''), watch(client, frontend), watch(client, 'unknown')]
    await until(() => watches.every(({ said }) => said.length === 1))
    const startedAt = Date.now()
    await server.stop()
    expect(Date.now() - startedAt).to.be.below(30_000)
    await until(() => watches.every(({ said }) => said.at(-1) === 'end'))
    expect(watches[0]!.said).to.eql(['SERVING', 'NOT_SERVING', 'end'])
    expect(watches[2]!.said).to.eql(['SERVICE_UNKNOWN', 'end'])
  })
})
