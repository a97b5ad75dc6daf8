// The echo's streams, the yardstick of transfers: a sink that counts what it is sent, and a source that makes what it is
// asked for. A hop in between forwards them, and takes no more than the next one has room for (pipe waits for drain).
import { Readable, type Writable } from 'node:stream'
import type { Client, handleClientStreamingCall, handleServerStreamingCall } from '@grpc/grpc-js'

const same = (frame: Buffer) => frame

export const sinkPath = '/bench.Echo/Sink'
export const sourcePath = '/bench.Echo/Source'

interface Streams {
  sink: handleClientStreamingCall<Buffer, Buffer>
  source: handleServerStreamingCall<Buffer, Buffer>
}

/** The last hop. */
export const answerStreams: Streams = {
  sink(call, callback) {
    let received = 0n
    call.on('data', (frame: Buffer) => {
      received += BigInt(frame.length)
    })
    call.on('end', () => {
      const count = Buffer.alloc(8)
      count.writeBigUInt64BE(received)
      callback(null, count)
    })
  },
  source(call) {
    const [count, size] = [call.request.readUInt32BE(0), call.request.readUInt32BE(4)]
    Readable.from(blocks(count, size)).pipe(call as Writable)
  },
}

/** The contents of bench/load/contents.go. */
function* blocks(count: number, size: number): Generator<Buffer> {
  const pattern = Buffer.from(Uint8Array.from({ length: size }, (_, at) => at * 7 + (at >> 8) * 13))
  for (let number = 0; number < count; number += 1) {
    const block = Buffer.from(pattern) // not one for all: gRPC may still hold the last one
    block.writeBigUInt64BE(BigInt(number))
    yield block
  }
}

/** A hop in between. */
export function forwardStreams(client: Client): Streams {
  return {
    sink(call, callback) {
      call.pipe(client.makeClientStreamRequest(sinkPath, same, same, callback) as Writable)
    },
    source(call) {
      const coming = client.makeServerStreamRequest(sourcePath, same, same, call.request)
      coming.on('error', (error) => call.emit('error', error)).pipe(call as Writable)
    },
  }
}
