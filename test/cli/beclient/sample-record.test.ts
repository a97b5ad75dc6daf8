import { readFileSync } from 'node:fs'
import { expect } from 'chai'
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

describe('sample record', () => {
  it('equals the vectors, byte for byte', () => {
    const { envelope, msg } = vector(30)
    expect(sampleEnvelope.toString('hex')).to.equal(envelope)
    expect(sampleDataBytes).to.equal(BigInt((msg as string).length / 2))
    expect(sampleEntryBox.toString('hex')).to.equal(vector(94)['box'])
    expect(sampleWrappedKey.toString('hex')).to.equal(vector(114)['wrapped'])
  })
})
