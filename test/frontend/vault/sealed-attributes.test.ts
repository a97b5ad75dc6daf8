import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import {
  decodeSealedAttributes,
  encodeAttributes,
  encodeSealedAttributes,
  noProof,
} from '../../../src/frontend/vault/sealed-attributes.js'
import type { RecordAttributes } from '../../../src/gen/encserver/v1/frontend.js'
import type { SealedAttributes } from '../../../src/gen/encserver/v1/sealed.js'
import { reasonOf } from '../crypto/fixtures.js'

const expireTime = new Date('2031-02-03T04:05:06.789Z')
const commitment = Buffer.alloc(32, 0xc0)
const encode = ({ writeDigest, envelopeCommitment, ...sealed }: SealedAttributes) =>
  encodeSealedAttributes(sealed, { writeDigest, envelopeCommitment })
const decode = (bytes: Buffer) => decodeSealedAttributes(bytes, commitment)
const hex = (sealed: SealedAttributes) => encode(sealed).toString('hex')

/** Field number and wire type 2, or 0, with what follows. */
const field = (number: number, body: string) =>
  Buffer.concat([Buffer.of(number * 8 + 2, Buffer.from(body, 'hex').length), Buffer.from(body, 'hex')]).toString('hex')
const text = (number: number, value: string) => field(number, Buffer.from(value).toString('hex'))
const label = (key: string, value: string) => field(2, (key && text(1, key)) + (value && text(2, value)))

describe('sealed attributes', () => {
  it('that are empty encode to no bytes, so that an entry without attributes keeps its old encoding', () => {
    expect(hex({ attributes: undefined, expireTime: undefined, ...noProof })).to.equal('')
    expect(hex({ attributes: { contentType: '', labels: {} }, expireTime: undefined, ...noProof })).to.equal('')
    expect(decode(Buffer.alloc(0))).to.deep.equal({ attributes: undefined, expireTime: undefined, ...noProof })
  })

  it('are these bytes', () => {
    const labels = { team: 'röntgen', '10': 'ten', '9': 'nine', Z: '', é: 'e' }
    const attributes = { contentType: 'image/png', labels }
    const ordered = [label('10', 'ten'), label('9', 'nine'), label('Z', ''), label('team', 'röntgen'), label('é', 'e')]
    const bytes =
      field(1, text(1, 'image/png') + ordered.join('')) + field(2, '08' + 'f28da39707' + '10' + 'c0de9cf802')
    expect(hex({ attributes, expireTime, ...noProof })).to.equal(bytes)
    expect(decode(Buffer.from(bytes, 'hex'))).to.deep.equal({ attributes, expireTime, ...noProof })
    expect(encodeAttributes(attributes).toString('hex')).to.equal(text(1, 'image/png') + ordered.join(''))
  })

  it('have one encoding for every order of labels', () => {
    const one = { b: '1', a: '2', '': '3' }
    const other = { '': '3', a: '2', b: '1' }
    expect(encodeAttributes({ contentType: '', labels: one })).to.deep.equal(
      encodeAttributes({ contentType: '', labels: other }),
    )
  })

  it('come back as they were', () => {
    // An object cannot have it, so a request with it is refused (validate.ts).
    const keys = fc.string({ unit: 'grapheme' }).filter((key) => key !== '__proto__')
    const said = fc.record<RecordAttributes>({
      contentType: fc.string(),
      labels: fc.dictionary(keys, fc.string({ unit: 'grapheme' })),
    })
    const times = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
    fc.assert(
      fc.property(said, fc.option(times, { nil: undefined }), (attributes, time) => {
        const read = decode(encode({ attributes, expireTime: time, ...noProof }))
        const silent = attributes.contentType === '' && Object.keys(attributes.labels).length === 0
        expect(read.expireTime).to.deep.equal(time)
        expect(read.attributes).to.deep.equal(silent ? undefined : { ...attributes, labels: { ...attributes.labels } })
      }),
    )
  })

  const refused: [string, string][] = [
    ['cut short', field(1, text(1, 'image/png')).slice(0, -2)],
    ['an unknown field', text(5, 'new')],
    ['a write digest of another size', text(3, 'new')],
    ['an unknown field of the attributes', field(1, text(3, 'new'))],
    ['a field of another wire type', '0801'],
    ['empty attributes spelt out', '0a00'],
    ['labels in another order', field(1, label('b', '') + label('a', ''))],
    ['one label twice', field(1, label('a', '1') + label('a', '2'))],
    ['the expiry before the attributes', field(2, '0801') + field(1, text(1, 'image/png'))],
    ['a text that is not UTF-8', field(1, field(1, 'ff'))],
    ['a part of a millisecond', field(2, '1001')],
    ['a time that no clock shows', field(2, '08ffffffffffffffff7f')],
    ['zeros after the end', '00'],
    ['a commitment without a write digest', field(4, commitment.toString('hex'))],
    ['a commitment of another size', field(3, '11'.repeat(32)) + field(4, '22'.repeat(31))],
    ['the commitment before the write digest', field(4, commitment.toString('hex')) + field(3, '11'.repeat(32))],
    ['an empty write digest spelt out', '1a00'],
  ]
  for (const [what, bytes] of refused) {
    it(`with ${what} are a damaged record`, () => {
      expect(reasonOf(() => decode(Buffer.from(bytes, 'hex')))).to.equal('RECORD_CORRUPT')
    })
  }

  it('have the write digest and the commitment last', () => {
    const proof = { writeDigest: Buffer.alloc(32, 0x11), envelopeCommitment: commitment }
    const bytes = field(2, '0801') + field(3, '11'.repeat(32)) + field(4, 'c0'.repeat(32))
    const sealed = { attributes: undefined, expireTime: new Date(1000), ...proof }
    expect(hex(sealed)).to.equal(bytes)
    expect(decode(Buffer.from(bytes, 'hex'))).to.deep.equal(sealed)
  })

  it('with the commitment of another envelope are refused as a wrong key is', () => {
    const bytes = Buffer.from(field(3, '11'.repeat(32)) + field(4, 'c1'.repeat(32)), 'hex')
    expect(reasonOf(() => decode(bytes))).to.equal('RECORD_KEY_MISMATCH')
  })

  it('of any bytes are refused unless they are the canonical encoding', () => {
    for (let made = 0; made < 2_000; made += 1) {
      const bytes = randomBytes(1 + (made % 20))
      try {
        expect(encode(decode(bytes))).to.deep.equal(bytes)
      } catch (error) {
        expect(error).to.have.property('reason', 'RECORD_CORRUPT')
      }
    }
  })
})
