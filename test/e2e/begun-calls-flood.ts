// Begins calls and sends no request, in a process of its own, so that the test's own clock stays right: so many connections to
// the address in argv[2], with so many HEADERS each (RFC 9113 section 6.2), written by hand since clients are slower. Argv[5] is the
// path of the method; with `whole` in argv[6], the request is an empty message, as a health watch needs. Prints `sent`, and ends
// with its standard input.
import { connect, type Socket } from 'node:net'

const [, , address = '', connections = '', calls = '', path = '', whole = ''] = process.argv
const [host = '', port = ''] = address.split(':')

function frame([type, flags]: [type: number, flags: number], streamId: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9)
  header.writeUIntBE(payload.length, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(streamId, 5)
  return Buffer.concat([header, payload])
}

/** A literal field that the peer adds to its dynamic table (RFC 7541 section 6.2.1). */
function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0x40, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ])
}

const methodAndScheme = Buffer.from([0x83, 0x86]) // POST, http
const literals = [literal(':path', path), literal('content-type', 'application/grpc'), literal('te', 'trailers')]
const firstBlock = Buffer.concat([methodAndScheme, ...literals])
const laterBlock = Buffer.concat([methodAndScheme, Buffer.from([0xc0, 0xbf, 0xbe])]) // the entries 64, 63 and 62
const emptyMessage = Buffer.alloc(5)

function begun(at: number): Buffer[] {
  const streamId = 1 + at * 2
  const headers = frame([0x01, 0x04], streamId, at === 0 ? firstBlock : laterBlock)
  return whole === 'whole' ? [headers, frame([0x00, 0x01], streamId, emptyMessage)] : [headers]
}

const flood = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame([0x04, 0], 0, Buffer.alloc(0)),
  ...Array.from({ length: Number(calls) }, (_, at) => begun(at)).flat(),
])

function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host).on('error', reject)
    socket.on('data', () => undefined).write(flood, () => resolve(socket))
  })
}

const sockets = await Promise.all(Array.from({ length: Number(connections) }, open))
for (const socket of sockets) socket.on('error', () => undefined)
process.stdout.write('sent\n')
process.stdin.resume().on('end', () => process.exit(0))
