// gRPC server reflection, from the descriptors that buf compiled, those of health and reflection included. They are passed on
// unchanged: proto-loader's model loses the imports between files and the names of map entries, and clients then cannot
// resolve types.
import { readFileSync } from 'node:fs'
import { BinaryReader } from '@bufbuild/protobuf/wire'
import type { PackageDefinition } from '@grpc/proto-loader'
import { ReflectionService } from '@grpc/reflection'
import { type PackageService, packageService } from './package-service.js'

const descriptorFile = new URL('../../gen/descriptor.binpb', import.meta.url)
/** The services that every server offers beside its own. */
const packageServices = [
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
]

/** The files of a google.protobuf.FileDescriptorSet (`repeated FileDescriptorProto file = 1`), still encoded. */
function filesOf(descriptorSet: Buffer): Buffer[] {
  const reader = new BinaryReader(descriptorSet)
  const files: Buffer[] = []
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (field === 1) files.push(Buffer.from(reader.bytes()))
    else reader.skip(wireType)
  }
  return files
}

/** Makes the reflection of the service of that name. `failed` gets the errors of bugs. */
export function reflection(name: string, failed: (cause: unknown) => void): PackageService {
  const definition = { files: { fileDescriptorProtos: filesOf(readFileSync(descriptorFile)) } }
  const service = new ReflectionService(definition as unknown as PackageDefinition, {
    services: [name, ...packageServices],
  })
  return packageService((server) => service.addToServer(server as never), failed)
}
