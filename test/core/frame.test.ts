import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { expect } from 'chai'
import { frame, inPlace } from '../../src/core/frame.js'
import { BackendServiceService, StorePartRequest } from '../../src/gen/encserver/v1/backend.js'

describe('frames', () => {
  const data = Buffer.alloc(1 << 20, 7)
  const part = (bytes: Buffer) => StorePartRequest.fromPartial({ data: bytes })
  const message = () => frame(StorePartRequest, part(data))

  it('are the bytes of the type, each in its own memory', () => {
    const sizes = [0, 1, 300_000, 127, 128, 2_000, 1 << 20, 3]
    const parts = sizes.map((size) => part(Buffer.alloc(size, size)))
    const frames = parts.map((each) => frame(StorePartRequest, each))
    expect(frames.map((bytes) => bytes.toString('hex'))).to.eql(
      parts.map((each) => Buffer.from(StorePartRequest.encode(each).finish()).toString('hex')),
    )
  })

  it('contain nothing of a message that failed before', () => {
    const broken = { ...part(Buffer.alloc(100, 9)), partNumber: 'x' as never }
    expect(() => frame(StorePartRequest, broken)).to.throw()
    expect(frame(StorePartRequest, part(Buffer.of(1)))).to.eql(
      Buffer.from(StorePartRequest.encode(part(Buffer.of(1))).finish()),
    )
  })

  it('may be encoded while another one is', () => {
    const inner = part(Buffer.of(2))
    const outer = {
      encode: (_: unknown, writer: BinaryWriter) => writer.bytes(frame(StorePartRequest, inner)).uint32(7),
    }
    expect(frame(outer, undefined)).to.eql(
      Buffer.from(new BinaryWriter().bytes(StorePartRequest.encode(inner).finish()).uint32(7).finish()),
    )
  })

  it('return large fields as views', () => {
    const bytes = message()
    const read = StorePartRequest.decode(bytes)
    expect(read.data.equals(data)).to.equal(true)
    expect(read.data.buffer).to.equal(bytes.buffer)
  })

  it('return small fields as copies, which do not keep the frame alive', () => {
    const bytes = message()
    expect(inPlace(bytes.subarray(0, 1024)).buffer).not.to.equal(bytes.buffer)
    expect(inPlace(bytes.subarray(0, 1025)).buffer).to.equal(bytes.buffer)
  })

  it('are used in all generated code', () => {
    const { requestSerialize, responseDeserialize } = BackendServiceService.storePart
    expect(`${requestSerialize} ${responseDeserialize}`).not.to.match(/Buffer\.from/)
    expect(StorePartRequest.decode.toString()).not.to.match(/Buffer\.from/)
  })
})
