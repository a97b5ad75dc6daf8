// A caller who has nothing of ours, not even the contract: grpcurl asks the server for it by reflection.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { skip } from './calls.js'
import { type Server, sandbox } from './processes.js'

const run = promisify(execFile)

async function goFolders(): Promise<string[]> {
  try {
    return [join((await run('go', ['env', 'GOPATH'])).stdout.trim(), 'bin')]
  } catch {
    return [] // no Go on this machine
  }
}

async function findGrpcurl(): Promise<string | undefined> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...(await goFolders())]
  return folders.map((folder) => join(folder, 'grpcurl')).find((path) => existsSync(path))
}

describe('e2e: grpcurl', () => {
  const box = sandbox()
  let grpcurl: string
  let frontend: Server

  before(async function () {
    const found = await findGrpcurl()
    if (found === undefined) return skip(this, 'there is no grpcurl on the PATH or in $(go env GOPATH)/bin')
    grpcurl = found
    frontend = await box.frontend({ backend: await box.backend() })
  })

  async function call(method: string, request: object): Promise<Record<string, unknown>> {
    const args = ['-plaintext', '-d', JSON.stringify(request), frontend.address, `encserver.v1.${method}`]
    return JSON.parse((await run(grpcurl, args)).stdout) as Record<string, unknown>
  }

  it('lists and describes the service', async () => {
    const listed = await run(grpcurl, ['-plaintext', frontend.address, 'list'])
    expect(listed.stdout).to.include('encserver.v1.FrontendService\n')
    const described = await run(grpcurl, ['-plaintext', frontend.address, 'describe', 'encserver.v1.FrontendService'])
    for (const method of ['StoreRecord', 'RetrieveRecord', 'DeleteRecord', 'ListRecords']) {
      expect(described.stdout).to.include(`rpc ${method} `)
    }
  })

  it('lists, describes and calls the services that every server offers', async () => {
    const listed = await run(grpcurl, ['-plaintext', frontend.address, 'list'])
    const names = [
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
    ]
    for (const name of names) {
      expect(listed.stdout).to.include(`${name}\n`)
      const described = await run(grpcurl, ['-plaintext', frontend.address, 'describe', name])
      expect(described.stdout).to.include(`${name} is a service`)
    }
    const checked = await run(grpcurl, ['-plaintext', frontend.address, 'grpc.health.v1.Health/Check'])
    expect(JSON.parse(checked.stdout)).to.deep.equal({ status: 'SERVING' })
  })

  it('stores a record and retrieves it', async () => {
    const data = Buffer.from('PAYLOADS'.repeat(8)).toString('base64')
    const { record_key: unused, recordKey } = await call('FrontendService/StoreRecord', { user_id: 'JTH', data })
    expect(unused).to.equal(undefined)
    expect(recordKey).to.be.a('string')
    const opened = await call('FrontendService/RetrieveRecord', { user_id: 'JTH', record_key: recordKey })
    expect(opened['data']).to.equal(data)
    expect(opened['record']).to.include({ version: '1', keyMode: 'KEY_MODE_SPLIT', sizeBytes: '64' })
  })

  it('shows the reason of a refusal', async () => {
    const refused = await call('FrontendService/RetrieveRecord', { user_id: 'nobody' }).catch((error: unknown) => error)
    expect(refused).to.be.instanceOf(Error)
    const { stderr } = refused as { stderr: string }
    expect(stderr).to.include('Code: NotFound').and.to.include('"reason": "RECORD_NOT_FOUND"')
    expect(stderr).to.include('"domain": "encserver"')
  })
})
