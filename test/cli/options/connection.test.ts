// What a program says of servers that it cannot use, each a real one.
import { execFile } from 'node:child_process'
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { beclient } from '../../../src/cli/beclient/beclient.js'
import { feclient } from '../../../src/cli/feclient/feclient.js'
import { channelOf } from '../../../src/cli/options/connection.js'
import type { ListenConfig } from '../../../src/core/tls/listen.js'
import { makeCertificate } from '../../core/certificates.js'
import { atEnd, releaseAll, serveFake, tempDir } from '../../core/fake-frontend.js'
import { fakeTerminal } from '../fake-terminal.js'

const isRunning = '`make feserver-cmd` starts one; if it uses TLS, give --tls-ca'

/** What `feclient list` prints to standard error, and its exit code. */
async function list(address: string, ...flags: string[]) {
  const words = ['feclient', 'list', '--user', 'alice', '--address', address, '--timeout', '5', ...flags]
  const terminal = fakeTerminal(words)
  const exit = await feclient(terminal)
  return { exit, lines: terminal.printed().stderr.trimEnd().split('\n') }
}

/** gRPC's words in the message; what is around them is checked. */
async function wordsOfGrpc(address: string, ...flags: string[]): Promise<string> {
  const { exit, lines } = await list(address, ...flags)
  const [error = '', hint, ...rest] = lines
  const before = `error: UNREACHABLE: the connection to ${address} failed (`
  expect(error.slice(0, before.length)).to.equal(before)
  expect(error.at(-1)).to.equal(')')
  expect(hint).to.match(/^hint: is the server running at this address\? if it uses TLS, give --tls-ca; /)
  expect(rest).to.eql([])
  expect(exit).to.equal(1)
  const words = error.slice(before.length, -1)
  expect(words).not.to.match(/No connection established|Resolution note/)
  return words
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  atEnd(() => server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

function tcpServer(answer: (socket: Socket) => void): Promise<string> {
  return listening(
    createServer((socket) => {
      socket.on('error', () => undefined)
      atEnd(() => socket.destroy())
      answer(socket)
    }),
  )
}

function http2Server(headers: Record<string, string | number>): Promise<string> {
  const server = createHttp2Server()
  server.on('stream', (stream: ServerHttp2Stream) => stream.respond(headers, { endStream: true }))
  server.on('session', (session) => atEnd(() => session.destroy()))
  return listening(server)
}

describe('connection', () => {
  afterEach(releaseAll)

  describe('over TLS', () => {
    let dir: string
    let ca: string
    let issuer: ReturnType<typeof makeCertificate>
    let tls: ListenConfig['tls']

    beforeEach(() => {
      dir = tempDir()
      issuer = makeCertificate(dir, 'authority')
      ca = issuer.certFile
      const { certFile, keyFile } = makeCertificate(dir, 'server', issuer)
      tls = { certFile, keyFile, clientCaFile: '' }
    })

    it('works, and without a warning of Node, by address and by name', async () => {
      const { port } = await serveFake({ listen: { tls } })
      const program = fileURLToPath(new URL('../../../cmd/feclient.ts', import.meta.url))
      const node = (address: string) => [program, 'list', '--user', 'alice', '--address', address, '--tls-ca', ca]
      for (const address of [`127.0.0.1:${port}`, `localhost:${port}`]) {
        const { stderr } = await promisify(execFile)(process.execPath, ['--import', 'tsx', ...node(address)])
        expect(stderr).to.equal('no records\n')
      }
      expect(process.noDeprecation ?? false).to.equal(false)
    })

    it('says that the certificate is for another name', async () => {
      const { port } = await serveFake({ listen: { host: '127.0.0.2', tls } })
      expect(await wordsOfGrpc(`127.0.0.2:${port}`, '--tls-ca', ca)).to.match(
        /Hostname\/IP does not match certificate's altnames: IP: 127\.0\.0\.2 is not in the cert's list: 127\.0\.0\.1$/,
      )
      expect(process.noDeprecation ?? false).to.equal(false)
    })

    it('says that the authority is unknown', async () => {
      const { address } = await serveFake({ listen: { tls } })
      const { certFile: otherCa } = makeCertificate(dir, 'other')
      expect(await wordsOfGrpc(address, '--tls-ca', otherCa)).to.match(/unable to verify the first certificate(;|$)/)
    })

    it('says that the server wants a certificate', async () => {
      const { address } = await serveFake({ listen: { tls: { ...tls, clientCaFile: ca } } })
      expect(await wordsOfGrpc(address, '--tls-ca', ca)).to.match(/alert certificate required/)
    })

    it('says that plain text to a TLS port fails', async () => {
      const { address } = await serveFake({ listen: { tls } })
      expect(await wordsOfGrpc(address)).to.match(/^Failed to connect|ECONNRESET/)
    })

    it('says that TLS to a plain port fails', async () => {
      const { address } = await serveFake()
      expect(await wordsOfGrpc(address, '--tls-ca', ca)).to.match(/wrong version number/)
    })
  })

  it('goes to the address of the environment, unless that is empty', () => {
    const target = { variable: 'ENC_SERVER_FRONTEND_TARGET', address: '127.0.0.1:7777' }
    const addressIn = (env: NodeJS.ProcessEnv) => channelOf({ timeout: 1 }, target, env).address
    expect(addressIn({ ENC_SERVER_FRONTEND_TARGET: 'vault:1' })).to.equal('vault:1')
    expect(addressIn({ ENC_SERVER_FRONTEND_TARGET: '' })).to.equal('127.0.0.1:7777')
  })

  it('says the same of the back end', async () => {
    const address = await tcpServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const terminal = fakeTerminal(['beclient', 'info', '--address', address])
    expect(await beclient(terminal)).to.equal(1)
    expect(terminal.printed().stderr).to.match(
      new RegExp(`^error: UNREACHABLE: the connection to ${address} failed \\(Protocol error.*\\)\nhint: `),
    )
  })

  it('knows a server that is no gRPC from one that is not there', async () => {
    expect(await wordsOfGrpc(await tcpServer((socket) => socket.write('SSH-2.0-OpenSSH\r\n')))).to.match(
      /^Protocol error/,
    )
    expect(await wordsOfGrpc(await tcpServer((socket) => socket.destroy()))).to.match(/^Failed to connect|ECONNRESET/)
    expect(await wordsOfGrpc(await http2Server({ ':status': 502 }))).to.equal('Received HTTP status code 502')
    expect(await wordsOfGrpc('no-such-host.invalid:1', '--insecure')).to.match(/^Name resolution failed/)
    expect(await list('127.0.0.1:1')).to.eql({
      exit: 1,
      lines: [
        'error: UNREACHABLE: no server answers at 127.0.0.1:1 (connect ECONNREFUSED 127.0.0.1:1)',
        `hint: is feserver running? ${isRunning}`,
      ],
    })
  })

  it('does not take the answer of another HTTP/2 server for a bug of ours', async () => {
    const address = await http2Server({ ':status': 400 })
    expect(await list(address)).to.eql({
      exit: 1,
      lines: [`error: INTERNAL: the server at ${address} is not an enc-server (Received HTTP status code 400)`],
    })
  })

  it('lets no server write lines or steer the terminal', async () => {
    const saying = (text: string) =>
      http2Server({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': 14, 'grpc-message': text })
    expect(await wordsOfGrpc(await saying('one%0Aerror: forged%1B[2J'))).to.equal('one error: forged\\u{1b}[2J')
    expect(await wordsOfGrpc(await saying('x'.repeat(2_000)))).to.have.length(400)
  })

  it('shows an error of a server of ours as it is', async () => {
    const { address } = await serveFake({ methods: { listRecords: () => Promise.reject(new Error('bug')) } })
    const { lines } = await list(address)
    expect(lines[0]).to.equal('error: INTERNAL: internal error')
    expect(lines[1]).to.match(/^hint: the server's log has it under request id /)
    expect(lines).to.have.length(2)
  })
})
