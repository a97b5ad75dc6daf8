// What nobody would send but to do harm: bytes at random, and good blocks gone bad.
import { expect } from 'chai'
import fc from 'fast-check'
import { HpackDecoder } from '../../../src/core/http2/hpack/decoder.js'
import { CompressionError } from '../../../src/core/http2/protocol.js'

const maxListBytes = 4096

/** A connection's blocks, up to the one that ends it; true if none did. */
function readAll(blocks: Uint8Array[]): boolean {
  const decoder = new HpackDecoder({ maxListBytes })
  for (const block of blocks) {
    try {
      check(decoder.decode(Buffer.from(block)))
    } catch (error) {
      if (error instanceof CompressionError) return false
      throw error
    }
  }
  return true
}

function check(list: string[] | undefined): void {
  if (list === undefined) return
  expect(list.length % 2).to.equal(0)
  for (const text of list) expect(text).to.be.a('string')
  expect(list.join('').length + 16 * list.length).to.be.at.most(maxListBytes)
}

/** Fields that are likely to be good ones, whatever the table holds. */
const text = fc.uint8Array({ maxLength: 40 }).map((bytes) => [bytes.length, ...bytes])
const eightOfA = [0x18, 0xc6, 0x31, 0x8c, 0x63]
const codedText = fc.nat(8).map((times) => [0x80 + 5 * times, ...Array(times).fill(eightOfA).flat()])
const string = fc.oneof(text, codedText)
const index = fc.oneof({ weight: 20, arbitrary: fc.integer({ min: 1, max: 61 }) }, fc.integer({ min: 62, max: 70 }))
const field = fc.oneof(
  index.map((at) => [0x80 | at]),
  fc.tuple(string, string).map(([name, value]) => [0x40, ...name, ...value]),
  fc.tuple(index, string).map(([at, value]) => [...(at < 63 ? [0x40 | at] : [0x7f, at - 63]), ...value]),
  fc.tuple(fc.constantFrom(0, 0x10), string, string).map(([kind, name, value]) => [kind, ...name, ...value]),
)
const update = fc.integer({ min: 31, max: 158 }).map((size) => [0x3f, size - 31])
const start = fc.oneof({ weight: 8, arbitrary: fc.constant<number[]>([]) }, update)
const block = fc
  .tuple(start, fc.array(field, { maxLength: 12 }))
  .map(([first, fields]) => Uint8Array.from([...first, ...fields.flat()]))
const blocks = fc.array(block, { minLength: 1, maxLength: 8 })
const fault = fc.record({ at: fc.nat(), bits: fc.integer({ min: 1, max: 255 }) })

describe('header blocks that mean harm', () => {
  it('at random are read, or end their connection', () => {
    const noise = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 })
    fc.assert(
      fc.property(noise, (given) => {
        readAll(given)
      }),
      { seed: 7541, numRuns: 5000 },
    )
  })

  it('with a byte gone bad too', () => {
    let read = 0
    fc.assert(
      fc.property(blocks, fault, (given, { at, bits }) => {
        const bad = given[at % given.length] as Uint8Array
        if (bad.length > 0) bad[at % bad.length] = (bad[at % bad.length] as number) ^ bits
        if (readAll(given)) read++
      }),
      { seed: 7541, numRuns: 1500 },
    )
    expect(read, 'how many were read all the same').to.be.within(150, 1350)
  })
})
