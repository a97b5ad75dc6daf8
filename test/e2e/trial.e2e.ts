// The vault as its users meet it: two processes, records in and out, and again after both were restarted.
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { expect } from 'chai'
import { type FrontendClient, KeyMode } from '../../src/frontend/client.js'
import { health, plainClient, refusal } from './calls.js'
import { describeEngines } from './engines.js'
import { repoFolder, type Server, sandbox } from './processes.js'

const run = promisify(execFile)
const userId = 'JTH'
const data = Buffer.from('PAYLOADS'.repeat(8))

describeEngines('e2e: the vault as two processes', (engine) => {
  const box = sandbox(engine)
  let folder: string
  let backend: Server
  let frontend: Server
  let client: FrontendClient

  async function startBoth(): Promise<void> {
    backend = await box.backend({ dataDir: join(folder, 'backend') })
    frontend = await box.frontend({ backend, keyringFile: join(folder, 'frontend', 'keyring.json') })
    client = box.client(frontend)
  }

  before(async () => {
    folder = box.folder()
    await startBoth()
  })

  it('stores, retrieves, replaces, lists and deletes', async () => {
    const first = await client.storeRecord({ userId, data })
    expect(first.version).to.equal(1n)
    const opened = await client.retrieveRecord({ userId, recordKey: first.recordKey })
    expect(opened.data.equals(data)).to.equal(true)
    expect(opened.record?.sizeBytes).to.equal(64n)

    const second = await client.storeRecord({ userId, data: Buffer.from('other') })
    expect(second.version).to.equal(2n)
    expect((await refusal(client.retrieveRecord({ userId, recordKey: first.recordKey }))).reason).to.equal(
      'RECORD_KEY_MISMATCH',
    )

    await client.storeRecord({ userId, recordName: 'named', keyMode: KeyMode.KEY_MODE_SERVER, data })
    const listed = (await client.listRecords({ userId })).records
    expect(listed.map(({ recordName }) => recordName)).to.have.members(['', 'named'])

    expect((await client.deleteRecord({ userId })).deleted).to.equal(true)
    expect((await refusal(client.retrieveRecord({ userId, recordKey: second.recordKey }))).reason).to.equal(
      'RECORD_NOT_FOUND',
    )
    expect((await refusal(client.deleteRecord({ userId }))).reason).to.equal('RECORD_NOT_FOUND')
  })

  it('opens every record after both were restarted, and the store holds nothing readable', async () => {
    const modes = [KeyMode.KEY_MODE_CLIENT, KeyMode.KEY_MODE_SERVER, KeyMode.KEY_MODE_SPLIT] as const
    const stored = await Promise.all(
      modes.map(async (keyMode) => {
        const recordName = `kept-in-mode-${keyMode}`
        const { recordKey } = await client.storeRecord({ userId: 'restart-user', recordName, keyMode, data })
        return { recordName, recordKey }
      }),
    )
    expect(await frontend.stop()).to.deep.equal({ code: 0, signal: null })
    expect(await backend.stop()).to.deep.equal({ code: 0, signal: null })

    const atRest = await box.stores.bytes(join(folder, 'backend'))
    expect(atRest.includes('RVLT')).to.equal(true) // the envelopes are among what is looked at
    for (const plain of ['restart-user', 'kept-in-mode', 'PAYLOADS', ...stored.map(({ recordKey }) => recordKey)]) {
      if (plain !== '') expect(atRest.includes(plain), plain).to.equal(false)
    }

    await startBoth()
    for (const { recordName, recordKey } of stored) {
      const opened = await client.retrieveRecord({ userId: 'restart-user', recordName, recordKey })
      expect(opened.data.equals(data), recordName).to.equal(true)
      expect(opened.record?.version).to.equal(1n)
    }
  })

  it('passes the trial of `make feclient-cmd` and `make beclient-cmd`', async () => {
    const { PATH, HOME } = process.env
    const env = { PATH, HOME, ENC_SERVER_FRONTEND_TARGET: frontend.address, ENC_SERVER_BACKEND_TARGET: backend.address }
    for (const name of ['feclient', 'beclient']) {
      const { stdout } = await run('make', ['IN_TURN=yes', '--old-file=dist/.built', `${name}-cmd`], {
        cwd: repoFolder,
        env,
      })
      expect(stdout).to.match(
        new RegExp(`^${name}: trial against 127[^]* as it must be [^]*${name}: the trial passed\n$`),
      )
    }
    expect((await client.listRecords({ userId })).records.map(({ recordName }) => recordName)).not.to.include('')
  })

  it('says that a keyring was made at the first start, and only then', async () => {
    expect(frontend.stderr()).to.match(/^feserver: listening on 127\.0\.0\.1:\d+, keyring \/\S+\/keyring\.json\n$/)
    const other = await box.frontend({ backend: await box.backend() })
    expect(other.stderr()).to.match(
      /^feserver: created a keyring at \/\S+\/keyring\.json; back it up: .*\nfeserver: listening on /,
    )
  })

  it('answers gRPC health for the server and for its service', async () => {
    expect(await health(backend)).to.equal('SERVING')
    expect(await health(backend, 'encserver.v1.BackendService')).to.equal('SERVING')
    expect(await health(frontend)).to.equal('SERVING')
    expect(await health(frontend, 'encserver.v1.FrontendService')).to.equal('SERVING')
    expect(await health(frontend, 'encserver.v1.BackendService')).to.equal('UNREACHABLE') // not a service of it
  })

  it('lists its services by reflection', async () => {
    expect(await servicesOf(frontend)).to.include('encserver.v1.FrontendService')
    expect(await servicesOf(frontend)).not.to.include('encserver.v1.BackendService')
    expect(await servicesOf(backend)).to.include('encserver.v1.BackendService')
    expect(await servicesOf(backend)).not.to.include('encserver.v1.FrontendService')
  })

  function servicesOf({ address }: Server): Promise<string[]> {
    const { resolve } = createRequire(import.meta.url)
    const file = resolve('@grpc/reflection/build/proto/grpc/reflection/v1/reflection.proto')
    const definition = loadSync(file)['grpc.reflection.v1.ServerReflection'] as unknown as ServiceDefinition
    const { ServerReflectionInfo } = definition
    const { path, requestSerialize, responseDeserialize } = ServerReflectionInfo as NonNullable<
      typeof ServerReflectionInfo
    >
    const call = plainClient(box, address).makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
    return new Promise((answer, reject) => {
      call.on('error', reject)
      call.on('data', (message: { listServicesResponse: { service: { name: string }[] } }) => {
        answer(message.listServicesResponse.service.map(({ name }) => name))
        call.end()
      })
      call.write({ listServices: '' })
    })
  }
})
