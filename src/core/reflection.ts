// gRPC reflection, from the descriptors that buf compiled. They are handed over as they are: a detour through
// proto-loader's own model loses the imports between files, and clients then resolve no type of another file.
import { readFileSync } from 'node:fs'
import { BinaryReader } from '@bufbuild/protobuf/wire'
import type { Server, ServerDuplexStream, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js'
import type { PackageDefinition } from '@grpc/proto-loader'
import { ReflectionService } from '@grpc/reflection'

const descriptorFile = new URL('../gen/descriptor.binpb', import.meta.url)

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

export interface Reflection {
  /** Ends the streams on which clients ask: they keep them open, and would hold every stop for as long as it may take. */
  close(): void
}

type Stream = ServerDuplexStream<unknown, unknown>

/** Offers reflection of the service of that name. */
export function addReflection(server: Server, name: string): Reflection {
  const streams = new Set<Stream>()
  const tracked = (answer: (stream: Stream) => void) => (stream: Stream) => {
    streams.add(stream)
    stream.once('close', () => streams.delete(stream))
    answer(stream)
  }
  const definition = { files: { fileDescriptorProtos: filesOf(readFileSync(descriptorFile)) } }
  new ReflectionService(definition as unknown as PackageDefinition, { services: [name] }).addToServer({
    addService(service: ServiceDefinition, { ServerReflectionInfo: answer }: UntypedServiceImplementation) {
      server.addService(service, { ServerReflectionInfo: tracked(answer as never) as never })
    },
  } as Server)
  return {
    close() {
      for (const stream of streams) stream.end()
    },
  }
}
