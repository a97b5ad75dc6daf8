import { expect } from 'chai'
import { http2Server } from '../../../src/core/http2/http2-server.js'
import type { TransportStream } from '../../../src/core/transport.js'
import { buildH2spec, hasGo, runH2spec } from '../../servers/h2spec.js'
import { atEnd, releaseAll } from '../fake-frontend.js'

/** Answers every request at its end with some content: an early refusal would end the stream before h2spec's attack. */
function answer(stream: TransportStream): void {
  stream.observer = {
    onData: (bytes) => stream.extendWindow(bytes.length),
    onEnd() {
      stream.sendHeaders([[':status', '200']])
      stream.send(Buffer.alloc(100, 'x'))
      stream.finish([['grpc-status', '0']])
    },
    onDrain: () => undefined,
    onFinish: () => undefined,
    onAbort: () => undefined,
  }
}

async function serve(faults: unknown[]): Promise<number> {
  const transport = http2Server({
    tls: undefined,
    maxStreams: 100,
    maxConnectionAgeMs: 600_000,
    callers: 'public',
    onRequest: answer,
    onConnectionFailure: () => undefined,
    onInternalError: (fault) => faults.push(fault),
  })
  atEnd(async () => {
    const drained = transport.drain()
    transport.abort()
    await drained
  })
  return await transport.listen({ host: '127.0.0.1', port: 0 })
}

describe('http2: h2spec', () => {
  before(async function () {
    this.timeout(600_000) // the first time, packages are fetched and compiled
    if (await hasGo()) return buildH2spec()
    const reason = 'there is no go on the PATH as test/servers/h2spec/go.mod asks'
    if (process.env['CI'] === 'true') expect.fail(`cannot run, and CI=true forbids to skip: ${reason}`)
    process.stdout.write(`    skipped: ${reason}\n`)
    this.skip()
  })

  afterEach(releaseAll)

  it('finds nothing wrong', async () => {
    const faults: unknown[] = []
    const cases = await runH2spec(await serve(faults))
    expect(cases).to.have.lengthOf(145)
    expect(cases.filter(({ failure }) => failure !== undefined)).to.eql([])
    expect(faults).to.eql([])
  })
})
