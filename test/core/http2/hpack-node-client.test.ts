// Interoperability with node:http2: our decoder reads its header blocks, and it reads those of our encoder.
import { once } from 'node:events'
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { expect } from 'chai'
import { HpackDecoder } from '../../../src/core/http2/hpack/decoder.js'
import { encodeFields } from '../../../src/core/http2/hpack/encoder.js'

const prefaceBytes = 24
const frameHeadBytes = 9
const types = { headers: 1, settings: 4, continuation: 9 }
const flags = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 }

interface Frame {
  type: number
  flags: number
  stream: number
  payload: Buffer
}

const answer = encodeFields([
  [':status', '200'],
  ['content-type', 'application/grpc'],
  ['grpc-status', '0'],
  ['grpc-message', 'm'.repeat(300)],
])

function frameOf({ type, flags, stream, payload }: Frame): Buffer {
  const head = Buffer.alloc(frameHeadBytes)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** The header block fragment of a payload. */
function fragmentOf({ type, flags: set, payload }: Frame): Buffer {
  if (type === types.continuation) return payload
  const padded = set & flags.padded
  const from = (padded ? 1 : 0) + (set & flags.priority ? 5 : 0)
  return payload.subarray(from, payload.length - (padded ? payload[0]! : 0))
}

/** The smallest server that a client accepts: it keeps the field lists, and gives every call the same answer. */
class RawServer {
  readonly lists: (string[] | undefined)[] = []
  readonly blocks: Buffer[] = []
  private readonly decoder: HpackDecoder
  private pending = Buffer.alloc(0)
  private skip = prefaceBytes
  private block = Buffer.alloc(0)

  constructor(socket: Socket, maxListBytes: number) {
    this.decoder = new HpackDecoder({ maxListBytes })
    socket.write(frameOf({ type: types.settings, flags: 0, stream: 0, payload: Buffer.alloc(0) }))
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      this.pending = Buffer.concat([this.pending, bytes])
      for (const frame of this.frames()) this.take(frame, socket)
    })
  }

  private *frames(): Generator<Frame> {
    while (this.pending.length >= this.skip + frameHeadBytes) {
      const head = this.pending.subarray(this.skip)
      const end = frameHeadBytes + head.readUIntBE(0, 3)
      if (head.length < end) return
      this.pending = head.subarray(end)
      this.skip = 0
      yield {
        type: head[3]!,
        flags: head[4]!,
        stream: head.readUInt32BE(5),
        payload: head.subarray(frameHeadBytes, end),
      }
    }
  }

  private take(frame: Frame, socket: Socket): void {
    if (frame.type === types.settings && (frame.flags & flags.ack) === 0) {
      socket.write(frameOf({ type: types.settings, flags: flags.ack, stream: 0, payload: Buffer.alloc(0) }))
    }
    if (frame.type !== types.headers && frame.type !== types.continuation) return
    this.block = Buffer.concat([this.block, fragmentOf(frame)])
    if ((frame.flags & flags.endHeaders) === 0) return
    this.blocks.push(this.block)
    this.lists.push(this.decoder.decode(this.block))
    this.block = Buffer.alloc(0)
    const ends = flags.endStream | flags.endHeaders
    socket.write(frameOf({ type: types.headers, flags: ends, stream: frame.stream, payload: answer }))
  }
}

describe('header blocks of a node:http2 client', () => {
  let listener: Server
  let client: ClientHttp2Session
  let server: RawServer
  let maxListBytes = 1 << 20

  beforeEach(async () => {
    listener = createServer().listen(0, '127.0.0.1')
    await once(listener, 'listening')
    listener.once('connection', (socket) => {
      server = new RawServer(socket, maxListBytes)
    })
    client = connect(`http://127.0.0.1:${(listener.address() as AddressInfo).port}`)
  })

  afterEach(() => {
    client.destroy()
    listener.close()
  })

  /** The fields that the server decoded. */
  async function call(headers: OutgoingHttpHeaders, options = {}): Promise<[string, string][]> {
    const stream = client.request(headers, options)
    const [got] = (await once(stream, 'response')) as [IncomingHttpHeaders]
    expect(got).to.include({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' })
    expect(got['grpc-message']).to.equal('m'.repeat(300))
    const list = server.lists.at(-1) ?? []
    return Array.from({ length: list.length / 2 }, (_, at) => [list[2 * at]!, list[2 * at + 1]!])
  }

  const grpc = {
    ':method': 'POST',
    ':scheme': 'http',
    ':authority': 'vault.example:7777',
    ':path': '/encserver.v1.Vault/StoreRecord',
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': 'a caller',
    'grpc-timeout': '30S',
  }

  it('are small when they repeat', async () => {
    for (let time = 0; time < 3; time++) expect(await call(grpc)).to.have.deep.members(Object.entries(grpc))
    expect(server.blocks[1]!.length).to.be.below(server.blocks[0]!.length / 2)
    expect(server.blocks[2]!.equals(server.blocks[1]!)).to.equal(true)
  })

  it('are decoded while they replace the whole table', async () => {
    for (let time = 0; time < 500; time++) {
      const headers = { ...grpc, 'x-request-id': `${time}`.repeat(20), [`x-${time % 90}`]: 'v'.repeat(time) }
      expect(await call(headers)).to.have.deep.members(Object.entries(headers))
    }
  })

  it('may contain every byte of a value, in Huffman code and without', async () => {
    for (let byte = 0x20; byte < 0x100; byte++) {
      if (byte === 0x7f) continue
      const text = String.fromCharCode(byte)
      const headers = { ...grpc, 'x-coded': `0${text.repeat(3)}${'0'.repeat(60)}`, 'x-plain': `0${text.repeat(60)}0` }
      expect(await call(headers), `${byte}`).to.have.deep.members(Object.entries(headers))
    }
  })

  it('may contain fields that do not enter the table', async () => {
    const secret = { ...grpc, authorization: 'Bearer 1234' }
    const marked = { ...secret, [Symbol.for('nodejs.http2.sensitiveHeaders')]: ['authorization'] }
    for (let time = 0; time < 3; time++) expect(await call(marked)).to.have.deep.members(Object.entries(secret))
  })

  it('may have a priority and CONTINUATION frames', async () => {
    const large = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`x-${at}`, `${at}`.padEnd(1000, '~')]))
    const headers = { ...grpc, ...large }
    expect(await call(headers, { weight: 7 })).to.have.deep.members(Object.entries(headers))
    expect(await call(grpc)).to.have.deep.members(Object.entries(grpc))
  })

  describe('above the limit', () => {
    before(() => {
      maxListBytes = 1000
    })

    it('give no list, and the next are decoded', async () => {
      for (let time = 0; time < 2; time++) await call(grpc)
      expect(await call({ ...grpc, 'x-large': 'v'.repeat(900), 'x-new': 'kept' })).to.deep.equal([])
      expect(server.lists.at(-1)).to.equal(undefined)
      expect(await call({ ...grpc, 'x-new': 'kept' })).to.deep.include(['x-new', 'kept'])
      expect(server.blocks.at(-1)!.length).to.equal(server.blocks[1]!.length + 1)
    })
  })
})
