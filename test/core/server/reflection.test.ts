import { createRequire } from 'node:module'
import { ChannelCredentials, Client } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { expect } from 'chai'
import { atEnd, releaseAll, serveFake } from '../fake-frontend.js'

const protoFile = createRequire(import.meta.url)
  .resolve('@grpc/reflection')
  .replace(/build\/.*$/, 'build/proto/grpc/reflection/v1/reflection.proto')

interface ReflectionAnswer {
  listServicesResponse?: { service: { name: string }[] }
  fileDescriptorResponse?: { fileDescriptorProto: Buffer[] }
  errorResponse?: { errorMessage: string }
}

async function ask(address: string, request: object): Promise<ReflectionAnswer> {
  const definition = loadSync(protoFile)['grpc.reflection.v1.ServerReflection'] as never as Record<string, never>
  const method = definition['ServerReflectionInfo'] as unknown as Parameters<typeof call>[1]
  return call(address, method, request)
}

interface Method {
  path: string
  requestSerialize(value: object): Buffer
  responseDeserialize(bytes: Buffer): ReflectionAnswer
}

function call(address: string, method: Method, request: object): Promise<ReflectionAnswer> {
  const client = new Client(address, ChannelCredentials.createInsecure())
  atEnd(() => client.close())
  const stream = client.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize)
  return new Promise((resolve, reject) => {
    stream.once('data', resolve).once('error', reject)
    stream.write(request)
    stream.end()
  })
}

describe('reflection', () => {
  afterEach(releaseAll)

  it('returns the file of a service with the names of its imports', async () => {
    const { address } = await serveFake()
    const answer = await ask(address, { fileContainingSymbol: 'encserver.v1.FrontendService' })
    const text = Buffer.concat(answer.fileDescriptorResponse?.fileDescriptorProto ?? []).toString('latin1')
    expect(text).to.include('encserver/v1/frontend.proto').and.to.include('google/protobuf/timestamp.proto')
  })

  it('returns each imported file by its name', async () => {
    const { address } = await serveFake()
    const answer = await ask(address, { fileByFilename: 'google/protobuf/timestamp.proto' })
    expect(answer.errorResponse).to.equal(undefined)
    expect(answer.fileDescriptorResponse?.fileDescriptorProto).to.have.length(1)
  })

  const packageServices = {
    'grpc.health.v1.Health': 'HealthCheckRequest',
    'grpc.reflection.v1.ServerReflection': 'ServerReflectionInfo',
    'grpc.reflection.v1alpha.ServerReflection': 'ServerReflectionInfo',
  }

  it('lists the services of the server, health and itself', async () => {
    const { address } = await serveFake()
    const { listServicesResponse } = await ask(address, { listServices: '' })
    const names = listServicesResponse?.service.map(({ name }) => name)
    expect(names).to.have.members(['encserver.v1.FrontendService', ...Object.keys(packageServices)])
  })

  for (const [name, part] of Object.entries(packageServices)) {
    it(`describes ${name}`, async () => {
      const { address } = await serveFake()
      const answer = await ask(address, { fileContainingSymbol: name })
      expect(answer.errorResponse).to.equal(undefined)
      const text = Buffer.concat(answer.fileDescriptorResponse?.fileDescriptorProto ?? []).toString('latin1')
      const at = name.lastIndexOf('.')
      expect(text)
        .to.include(name.slice(0, at))
        .and.to.include(name.slice(at + 1))
      expect(text).to.include(part)
    })
  }
})
