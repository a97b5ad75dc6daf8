// Fuzzes the HPACK decoder: random bytes, and valid header blocks with a damaged byte.
import { expect } from 'chai'
import fc from 'fast-check'
import { HpackDecoder } from '../../../../src/core/http2/hpack/decoder.js'
import { CompressionError } from '../../../../src/core/http2/protocol.js'

const maxListBytes = 4096

/** Decodes the blocks of a connection up to the one that ends it; true if none did. */
function decodeAll(blocks: Uint8Array[]): boolean {
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

// Most of these fields are valid, whatever the dynamic table holds.
const text = fc.uint8Array({ maxLength: 40 }).map((bytes) => [bytes.length, ...bytes])
const eightOfA = [0x18, 0xc6, 0x31, 0x8c, 0x63]
const huffmanText = fc.nat(8).map((times) => [0x80 + 5 * times, ...Array(times).fill(eightOfA).flat()])
const string = fc.oneof(text, huffmanText)
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
const noise = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 })

/** Random bytes decode or throw CompressionError; throws with the seed and the smallest failing input otherwise. */
export function fuzzNoise(seed: number, numRuns: number): void {
  const property = fc.property(noise, (given) => {
    decodeAll(given)
  })
  fc.assert(property, { seed, numRuns })
}

/** The same for valid blocks with one damaged byte; returns how many were decoded all the same. */
export function fuzzDamage(seed: number, numRuns: number): number {
  let decoded = 0
  const property = fc.property(blocks, fault, (given, { at, bits }) => {
    const damaged = given.map((each) => Uint8Array.from(each))
    const bad = damaged[at % damaged.length] as Uint8Array
    if (bad.length > 0) bad[at % bad.length] = (bad[at % bad.length] as number) ^ bits
    if (decodeAll(damaged)) decoded += 1
  })
  fc.assert(property, { seed, numRuns })
  return decoded
}
