import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { expect } from 'chai'
import { frame, inPlace } from '../../src/core/frame.js'
import { BackendServiceService, StorePartRequest } from '../../src/gen/encserver/v1/backend.js'

describe('frames', () => {
  const data = Buffer.alloc(1 << 20, 7)
  const message = () => frame(StorePartRequest.encode(StorePartRequest.fromPartial({ data })))

  it('are what was written', () => {
    const written = () => new BinaryWriter().string('one').bytes(data)
    expect(frame(written()).equals(written().finish())).to.equal(true)
  })

  it('lend their large bytes', () => {
    const bytes = message()
    const read = StorePartRequest.decode(bytes)
    expect(read.data.equals(data)).to.equal(true)
    expect(read.data.buffer).to.equal(bytes.buffer)
  })

  it('copy small ones, which would keep the whole', () => {
    const bytes = message()
    expect(inPlace(bytes.subarray(0, 1024)).buffer).not.to.equal(bytes.buffer)
    expect(inPlace(bytes.subarray(0, 1025)).buffer).to.equal(bytes.buffer)
  })

  it('are all that generated code makes', () => {
    const { requestSerialize, responseDeserialize } = BackendServiceService.storePart
    expect(`${requestSerialize} ${responseDeserialize}`).not.to.match(/Buffer\.from/)
    expect(StorePartRequest.decode.toString()).not.to.match(/Buffer\.from/)
  })
})
