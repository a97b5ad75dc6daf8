// The MongoDB of the tests: the one MONGODB_URI names, else a mongod of this machine, else our own server on
// mongo-java-server, which Maven builds. Without any of them the tests are skipped and say so; with CI=true they fail.
// The main process of mocha starts one server for the test files of all its workers (shared-mongo.ts).
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

export type MongoKind = 'MONGODB_URI' | 'mongod' | 'mongo-java-server'

export interface TestMongo {
  kind: MongoKind
  uri: string
  /** Of a server that listens on this machine. */
  port: number
}

const project = fileURLToPath(new URL('./mongo', import.meta.url))
const target = join(project, 'target')
const built = join(target, '.built')

function runs(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

/** The kind of MongoDB to test against; undefined if this machine has none. */
function findKind(): MongoKind | undefined {
  if (process.env['MONGODB_URI']) return 'MONGODB_URI'
  if (runs('mongod', '--version')) return 'mongod'
  return runs('java', '-version') && (isBuilt() || runs('mvn', '-v')) ? 'mongo-java-server' : undefined
}

let foundKind: { kind: MongoKind | undefined } | undefined

function mongoKind(): MongoKind | undefined {
  foundKind ??= { kind: findKind() }
  return foundKind.kind
}

/** Ends with this process: it sees its input end. It does not keep this process from ending. */
function letGo(server: ChildProcess): void {
  server.unref()
  for (const stream of [server.stdin, server.stdout]) (stream as unknown as { unref(): void } | null)?.unref()
}

function changedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function isBuilt(): boolean {
  const sources = ['pom.xml', 'src/main/java/MongoTestServer.java'].map((name) => changedAt(join(project, name)))
  return changedAt(built) > Math.max(...sources)
}

/** Needs the network once; from then on Maven has in its own folder what it needs. */
function build(): void {
  if (isBuilt()) return
  const maven = (...args: string[]) => spawnSync('mvn', ['-q', '-B', ...args, 'compile'], { cwd: project })
  if (maven('-o').status !== 0) {
    const { status, stdout } = maven()
    if (status !== 0) throw new Error(`cannot build ${project}:\n${stdout}`)
  }
  writeFileSync(built, '')
}

async function portOf(server: ChildProcess): Promise<number> {
  const [line] = (await once(server.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
  return Number(line.toString())
}

export interface JavaMongo extends TestMongo {
  stop(): Promise<void>
}

/** Starts our own server, empty; as the primary of a replica set the driver uses sessions and retries writes. */
export async function startJavaMongo(...args: 'replica-set'[]): Promise<JavaMongo> {
  if (process.env[sharedPort]) await testMongo() // two workers must not build it at a time
  return launchJavaMongo(args)
}

async function launchJavaMongo(args: string[] = []): Promise<JavaMongo> {
  build()
  const flags = ['-Dslf4j.internal.verbosity=ERROR', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xmx1g']
  const classes = `${join(target, 'classes')}:${join(target, 'lib', '*')}`
  const server = spawn('java', [...flags, '-cp', classes, 'MongoTestServer', ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const port = await portOf(server)
  letGo(server)
  return {
    kind: 'mongo-java-server',
    uri: `mongodb://127.0.0.1:${port}/?directConnection=true`,
    port,
    async stop() {
      server.ref()
      server.kill('SIGKILL')
      await once(server, 'exit')
    },
  }
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  listener.close()
  await once(listener, 'close')
  return port
}

/** mongod does not look at its input; it is ended as this process ends. */
async function startMongod(): Promise<TestMongo> {
  const folder = mkdtempSync(join(tmpdir(), 'enc-server-mongod-'))
  const port = await freePort()
  const server = spawn('mongod', ['--dbpath', folder, '--port', String(port), '--bind_ip', '127.0.0.1'], {
    stdio: 'ignore',
  })
  server.unref()
  process.once('exit', () => {
    server.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  return { kind: 'mongod', uri: `mongodb://127.0.0.1:${port}/?directConnection=true`, port }
}

/** Starts the server that the test files share. */
export function startMongo(): Promise<TestMongo> {
  const uri = process.env['MONGODB_URI']
  if (uri) return Promise.resolve({ kind: 'MONGODB_URI', uri, port: 0 })
  return mongoKind() === 'mongod' ? startMongod() : launchJavaMongo()
}

/** The environment variable with the loopback port at which mocha's main process names its server. */
export const sharedPort = 'ENC_SERVER_TEST_MONGO_PORT'

async function askForShared(port: number): Promise<TestMongo> {
  const answer = JSON.parse(await text(connect(port, '127.0.0.1')))
  if ('failure' in answer) throw new Error(answer.failure)
  return answer
}

let shared: Promise<TestMongo> | undefined

/** The server that all test files share. */
export function testMongo(): Promise<TestMongo> {
  const port = Number(process.env[sharedPort])
  shared ??= port ? askForShared(port) : startMongo()
  return shared
}

/** Limits for tests of something else: a busy machine may make a command wait for its connection for seconds. */
export const patientLimits = { waitMs: 60_000, commandMs: 60_000 }

const missing = 'needs MONGODB_URI, or mongod, or java and mvn'

/** Declares tests that need a MongoDB of one of these kinds. */
export function describeMongo(title: string, kinds: MongoKind[], declare: () => void): void {
  const kind = mongoKind()
  if (kind !== undefined && kinds.includes(kind)) {
    describe(`${title} on ${kind}`, function () {
      this.timeout(600_000) // a contended record takes its time on a loaded machine
      declare()
    })
  } else if (kind === undefined && process.env['CI'] === 'true') {
    it(title, () => {
      throw new Error(missing)
    })
  } else describe.skip(`${title} (${kind === undefined ? missing : `not on ${kind}`})`, declare)
}

export const everyKind: MongoKind[] = ['MONGODB_URI', 'mongod', 'mongo-java-server']
