import { expect } from 'chai'
import { publicLimits } from '../../../src/core/http2/flood-guard.js'
import { indexedField, literalField } from '../../../src/core/http2/hpack/encoder.js'
import { listener } from '../../../src/core/http2/listener.js'
import type { Stream } from '../../../src/core/http2/stream.js'
import { buildH2spec, hasGo, runH2spec } from '../../servers/h2spec.js'
import { atEnd, releaseAll } from '../fake-frontend.js'

const status200 = indexedField(8)

/** Answers every request, once it has come to its end, with some content: a refusal would come too soon to be tested. */
function answer(stream: Stream): void {
  stream.reader = {
    data: (bytes) => stream.allow(bytes.length),
    ended() {
      stream.sendHeaders(status200)
      stream.send(Buffer.alloc(100, 'x'))
      stream.finish(literalField('grpc-status', '0'))
    },
    sent: () => undefined,
    broken: () => undefined,
  }
}

async function serve(faults: unknown[]): Promise<number> {
  const limits = { maxStreams: 100, maxConnectionAgeMs: 600_000, abuse: publicLimits }
  const listening = listener({
    tls: undefined,
    limits,
    opened: answer,
    failed: () => undefined,
    unexpected: (fault) => faults.push(fault),
  })
  atEnd(async () => {
    const left = listening.leave()
    listening.cut()
    await left
  })
  return await listening.listen({ host: '127.0.0.1', port: 0 })
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

  it('finds nothing wrong', async function () {
    this.timeout(120_000)
    const faults: unknown[] = []
    const cases = await runH2spec(await serve(faults))
    expect(cases).to.have.lengthOf(145)
    expect(cases.filter(({ failure }) => failure !== undefined)).to.eql([])
    expect(faults).to.eql([])
  })
})
