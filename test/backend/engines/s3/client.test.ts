import { expect } from 'chai'
import { connect, defaultLimits } from '../../../../src/backend/engines/s3/client.js'
import { Secret } from '../../../../src/core/secret.js'

const secret = () => new Secret(Buffer.from(JSON.stringify({ accessKeyId: 'a', secretAccessKey: 'b' })))
const settings = { region: 'eu-central-1', bucket: 'vault-parts', prefix: '', forcePathStyle: true, insecure: false }

/** The URL of the request for an object, which is not sent. */
async function requested(endpoint: string): Promise<string> {
  const { sdk, client } = await connect({ ...settings, endpoint }, secret(), { ...defaultLimits, attempts: 1 })
  let url = ''
  client.middlewareStack.add(
    () => async (args) => {
      const { protocol, hostname, port } = args.request as { protocol: string; hostname: string; port?: number }
      url = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`
      throw new Error('not sent')
    },
    { step: 'finalizeRequest' },
  )
  const command = new sdk.HeadObjectCommand({ Bucket: settings.bucket, Key: 'key' })
  await client.send(command).catch((error: Error) => expect(error.message).to.equal('not sent'))
  client.destroy()
  return url
}

describe('the client of S3', () => {
  const variables = ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3']
  const before = variables.map((name) => process.env[name])

  afterEach(() => {
    for (const [index, name] of variables.entries()) {
      const value = before[index]
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })

  it('sends to the configured server, whatever the environment says', async () => {
    for (const name of variables) process.env[name] = 'http://127.0.0.1:9'
    expect(await requested('')).to.equal('https://s3.eu-central-1.amazonaws.com')
    expect(await requested('https://s3.example:9000')).to.equal('https://s3.example:9000')
  })
})
