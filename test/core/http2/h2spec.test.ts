import { expect } from 'chai'
import { buildH2spec, hasGo, runH2spec, type SpecCase } from '../../servers/h2spec.js'
import { releaseAll, serveFake } from '../fake-frontend.js'

// It holds a request open by a closed window, but a refusal of what is no gRPC has no content that could wait:
// attacks.test.ts does these with a call.
const needContent = [
  'generic/2 Sends a WINDOW_UPDATE frame on half-closed (remote) stream',
  'generic/2 Sends a PRIORITY frame on half-closed (remote) stream',
  'http2/5.1.2 Sends HEADERS frames that causes their advertised concurrent stream limit to be exceeded',
]

const isFailure = ({ name, failure }: SpecCase) => failure !== undefined && !needContent.includes(name)

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

  it('finds no fault with a server of ours', async function () {
    this.timeout(120_000)
    const { port } = await serveFake()
    const cases = await runH2spec(port)
    expect(cases).to.have.lengthOf(145)
    expect(cases.filter(isFailure)).to.eql([])
  })
})
