// The S3 of the tests: s3rver in a process of its own, on a free port, with one bucket in a folder of its own. Its lists
// are continued with the help of DES, which OpenSSL offers as a legacy only.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { tempFolder } from '../backend/samples.js'

export interface TestS3 {
  endpoint: string
  bucket: string
  /** What it takes for credentials. */
  credentials: string
  stop(): Promise<void>
}

const bucket = 'vault-parts'

// Ends with whoever started it: it sees its input end.
const program = `
  const S3rver = require('s3rver')
  const [directory, name] = process.argv.slice(1)
  const options = { address: '127.0.0.1', port: 0, silent: true, directory, configureBuckets: [{ name }] }
  new S3rver(options).run().then(({ port }) => console.log(port))
  process.stdin.on('end', () => process.exit()).resume()
`

export async function startS3(): Promise<TestS3> {
  const folder = await tempFolder()
  const server = spawn(process.execPath, ['--openssl-legacy-provider', '-e', program, folder.path, bucket], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [line] = (await once(server.stdout, 'data')) as [Buffer]
  return {
    endpoint: `http://127.0.0.1:${Number(line.toString())}`,
    bucket,
    credentials: JSON.stringify({ accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }),
    async stop() {
      server.stdin.end()
      await once(server, 'exit')
      await folder.remove()
    },
  }
}
