import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { viewEnvelope } from '../../../src/cli/beclient/envelope-view.js'
import {
  sampleDataBytes,
  sampleEntryBox,
  sampleEnvelope,
  sampleWrappedKey,
} from '../../../src/cli/beclient/sample-record.js'

interface Vector {
  tcId: number
  [field: string]: unknown
}

const file = new URL('../../vectors/record-envelope-v1.json', import.meta.url)
const { testGroups } = JSON.parse(readFileSync(file, 'utf8')) as { testGroups: { tests: Vector[] }[] }
const vector = (id: number) => testGroups.flatMap(({ tests }) => tests).find(({ tcId }) => tcId === id)!

describe('frozen envelope', () => {
  it('is what the vectors say, byte for byte', () => {
    const { envelope, msg } = vector(30)
    expect(sampleEnvelope.toString('hex')).to.equal(envelope)
    expect(sampleDataBytes).to.equal(BigInt((msg as string).length / 2))
    expect(sampleEntryBox.toString('hex')).to.equal(vector(94)['box'])
    expect(sampleWrappedKey.toString('hex')).to.equal(vector(114)['wrapped'])
  })

  it('shows its header to anybody', () => {
    const { keyId, salt, commitment } = vector(30)
    const view = viewEnvelope(sampleEnvelope)!
    expect(view).to.include({ formatVersion: 1, suite: 'aes-256-gcm', mode: 'split', chunkBytes: 65_536 })
    const found = [view.keyId, view.salt, view.commitment].map((bytes) => bytes.toString('hex'))
    expect(found).to.deep.equal([keyId, salt, commitment])
  })

  it('is not taken for one when it is cut, or something else', () => {
    expect(viewEnvelope(sampleEnvelope.subarray(0, 87))).to.equal(null)
    expect(viewEnvelope(Buffer.alloc(200))).to.equal(null)
  })
})
