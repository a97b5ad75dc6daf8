import { expect } from 'chai'
import { sampleEnvelope } from '../../../src/cli/beclient/sample-record.js'
import { parseEnvelopeHeader } from '../../../src/cli/terminal/sealed-record.js'

describe('sealed record', () => {
  it('has a header that needs no key', () => {
    const { keyId, salt, commitment, ...header } = parseEnvelopeHeader(sampleEnvelope)!
    expect(header).to.deep.equal({ formatVersion: 1, suite: 'aes-256-gcm', mode: 'split', chunkBytes: 65_536 })
    const found = [keyId, salt, commitment].map((bytes) => bytes.toString('hex'))
    expect(found).to.deep.equal([
      'e0e1e2e3e4e5e6e7e8e9eaebecedeeef',
      'c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf',
      '1aa2c145a8961de9db6c9454d9e46f107698aa5e12517631f7d06bfb3bfeae0f',
    ])
  })

  it('has none if its envelope is cut short or is something else', () => {
    expect(parseEnvelopeHeader(sampleEnvelope.subarray(0, 87))).to.equal(null)
    expect(parseEnvelopeHeader(Buffer.alloc(200))).to.equal(null)
  })
})
