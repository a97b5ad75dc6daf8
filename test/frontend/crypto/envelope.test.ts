import { createHash, randomBytes } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { decrypt, encrypt } from '../../../src/frontend/crypto/aead.js'
import { contextHash, recordContext } from '../../../src/frontend/crypto/context.js'
import { deriveKeys, labels } from '../../../src/frontend/crypto/derive.js'
import {
  type ExpectedEnvelope,
  type Mode,
  openEnvelope,
  parseHeader,
  sealEnvelope,
  sealHeader,
} from '../../../src/frontend/crypto/envelope.js'
import { HmacKey, takeKey } from '../../../src/frontend/crypto/hmac.js'
import { randomSource } from '../../../src/frontend/crypto/random.js'
import { parseToken } from '../../../src/frontend/crypto/token.js'
import { bitFlips, bothSuites, forge, macsIn, reasonOf, scripted } from './fixtures.js'
import { group, hex, messageOf, reasonFor, runAll, type Vector } from './vectors.js'

/** What a request with a vector's token, data key and ids expects. */
function expectedOf(test: Vector): ExpectedEnvelope {
  const dataKey = test['dk'] === '' ? undefined : hex(test['dk'])
  const token = test['token'] === null ? undefined : parseToken(test['token'])
  const key = token && dataKey ? takeKey(token.key.mac(dataKey)) : (token?.key ?? new HmacKey(dataKey!))
  const { realm, userId, recordName } = test as unknown as { realm: string; userId: string; recordName: string }
  const context = recordContext({ realm, userId, recordName, callerAad: hex(test['callerAad']) })
  if (test['ctx']) expect(context.toString('hex')).to.equal(test['ctx'])
  const mode = test['mode'] as Mode
  return { key, contextHash: contextHash(context), mode, keyId: token?.keyId, readSuites: bothSuites }
}

const random = randomSource()
const keyId = randomBytes(16)
const terms = { key: new HmacKey(randomBytes(32)), contextHash: randomBytes(32), mode: 3, keyId } as const
const expected = { ...terms, readSuites: bothSuites }

describe('envelope', () => {
  const tests = group('Envelope')

  it('agrees with the vectors, opening', () => {
    runAll(tests, 68, (test) => {
      const open = () => openEnvelope(expectedOf(test), hex(test['envelope']))
      if (test.result === 'invalid') return expect(reasonOf(open)).to.equal(reasonFor(test['error']))
      const data = open()
      expect(data.equals(messageOf(test))).to.equal(true)
      if (test['msgSha256']) expect(createHash('sha256').update(data).digest('hex')).to.equal(test['msgSha256'])
      return undefined
    })
  })

  it('agrees with the vectors, sealing and deriving', () => {
    const valid = tests.filter(({ result }) => result === 'valid')
    runAll(valid, 13, (test) => {
      const { key, contextHash: hash, mode } = expectedOf(test)
      const { suite, chunkLog2 } = test as unknown as { suite: 1 | 2; chunkLog2: number }
      const envelope = hex(test['envelope'])
      const sealTerms = { key, contextHash: hash, mode, keyId: hex(test['keyId']), suite, chunkLog2 }
      const sealed = sealEnvelope(sealTerms, messageOf(test), scripted(hex(test['salt'])))
      expect(sealed.toString('hex')).to.equal(test['envelope'])
      const keys = deriveKeys(key, { label: labels.envelope, head: envelope.subarray(0, 56), contextHash: hash })
      expect([keys.commitment, keys.aeadKey]).to.deep.equal([hex(test['commitment']), hex(test['aeadKey'])])
      const header = parseHeader(envelope.subarray(0, 88))
      expect([header.suite, header.mode, header.chunkLog2]).to.deep.equal([suite, mode, chunkLog2])
      expect(header.keyId.toString('hex')).to.equal(test['keyId'])
    })
  })

  it('opens a two-key ciphertext under the committed key only, though both open it in bare GCM', () => {
    const [first, second] = [92, 93].map((tcId) => tests.find((test) => test.tcId === tcId)!) as [Vector, Vector]
    const chunk = hex(second['envelope']).subarray(88)
    const bare = ({ key, nonce }: { key: string; nonce: string }) =>
      decrypt({ suite: 1, key: hex(key), nonce: hex(nonce) }, chunk.subarray(0, -16), chunk.subarray(-16))
    expect(bare(second['bareAead']).toString('hex')).to.equal(second['bareAead'].msg)
    expect(bare({ key: first['aeadKey'], nonce: '00'.repeat(12) }).toString('hex')).to.equal(first['msg'])
    expect(first['envelope']).to.equal(second['envelope'])
    expect(openEnvelope(expectedOf(first), hex(first['envelope'])).toString('hex')).to.equal(first['msg'])
    expect(reasonOf(() => openEnvelope(expectedOf(second), hex(second['envelope'])))).to.equal('RECORD_KEY_MISMATCH')
  })

  it('round-trips around chunk boundaries, in every mode, suite and chunk size', () => {
    const sizes = fc
      .tuple(fc.nat({ max: 3 }), fc.integer({ min: -2, max: 2 }))
      .map(([n, d]) => Math.max(0, n * 4096 + d))
    const choices = fc.record({ mode: fc.constantFrom<Mode>(1, 2, 3), suite: fc.constantFrom(...bothSuites) })
    fc.assert(
      fc.property(sizes, choices, fc.integer({ min: 12, max: 20 }), (size, choice, chunkLog2) => {
        const data = randomBytes(size)
        const envelope = sealEnvelope({ ...terms, ...choice, chunkLog2 }, data, random)
        return openEnvelope({ ...expected, mode: choice.mode }, envelope).equals(data)
      }),
    )
  })

  for (const suite of bothSuites) {
    it(`opens with no bit flipped, suite ${suite}: the header is a wrong key, the chunks damage`, () => {
      const envelope = sealEnvelope({ ...terms, suite, chunkLog2: 12 }, Buffer.from('small record'), random)
      for (const { bit, flipped } of bitFlips(envelope)) {
        const reason = bit < 88 * 8 ? 'RECORD_KEY_MISMATCH' : 'RECORD_CORRUPT'
        expect(
          reasonOf(() => openEnvelope(expected, flipped)),
          `bit ${bit}`,
        ).to.equal(reason)
      }
    })
  }

  it('opens with nothing cut or added', () => {
    const envelope = sealEnvelope({ ...terms, suite: 1, chunkLog2: 12 }, Buffer.from('small record'), random)
    for (let length = 0; length < envelope.length; length++) {
      const reason = length < 88 ? 'RECORD_KEY_MISMATCH' : 'RECORD_CORRUPT'
      expect(reasonOf(() => openEnvelope(expected, envelope.subarray(0, length)))).to.equal(reason)
    }
    expect(reasonOf(() => openEnvelope(expected, Buffer.concat([envelope], 2 ** 20)))).to.equal('RECORD_CORRUPT')
  })

  it('costs two HMACs for every fault', () => {
    const envelope = sealEnvelope({ ...terms, suite: 1, chunkLog2: 12 }, Buffer.from('small record'), random)
    const wrong = [
      { mode: 1 },
      { keyId: randomBytes(16) },
      { readSuites: [2] },
      { contextHash: randomBytes(32) },
    ] as const
    for (const changes of wrong) {
      const open = () => openEnvelope({ ...expected, ...changes }, envelope)
      expect(reasonOf(open)).to.equal('RECORD_KEY_MISMATCH')
      expect(macsIn(open)).to.equal(2)
    }
    for (const input of [envelope, Buffer.alloc(0), Buffer.alloc(87), Buffer.alloc(500)]) {
      expect(macsIn(() => openEnvelope(expected, input))).to.equal(2)
    }
  })

  it('refuses fields out of the format even under the right key and commitment', () => {
    const head = sealHeader({ ...terms, suite: 1, chunkLog2: 12 }, random).header.subarray(0, 56)
    const forged = (at: number, byte: number) => {
      const changed = Buffer.from(head)
      changed[at] = byte
      return forge(terms.key, { ...terms, label: labels.envelope, head: changed }, Buffer.from('forged'))
    }
    expect(openEnvelope(expected, forged(7, 20)).toString()).to.equal('forged')
    const outOfFormat = [
      [0, 0x53],
      [3, 0],
      [4, 0],
      [4, 2],
      [5, 0],
      [5, 3],
      [6, 0],
      [6, 1],
      [6, 4],
      [7, 11],
      [7, 21],
    ] as const
    for (const [at, byte] of outOfFormat) {
      const open = () => openEnvelope(expected, forged(at, byte))
      expect(reasonOf(open), `byte ${at} is ${byte}`).to.equal('RECORD_KEY_MISMATCH')
    }
    for (const [at, byte] of outOfFormat.filter(([at, byte]) => at !== 6 || byte !== 1)) {
      expect(
        reasonOf(() => parseHeader(forged(at, byte))),
        `byte ${at} is ${byte}`,
      ).to.equal('RECORD_KEY_MISMATCH')
    }
  })

  it('is not fooled by any bytes, and never by an old format', () => {
    const starts = ['', '52564c54', '52564c5401', '52564c5401010310', `52564c540101030c${keyId.toString('hex')}`].map(
      hex,
    )
    fc.assert(
      fc.property(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 200 }), (start, tail) => {
        const bytes = Buffer.concat([start, Buffer.from(tail)])
        try {
          parseHeader(bytes)
        } catch (error) {
          expect((error as { reason: string }).reason).to.equal('RECORD_KEY_MISMATCH')
        }
        return reasonOf(() => openEnvelope(expected, bytes)) === 'RECORD_KEY_MISMATCH'
      }),
      { numRuns: 500 },
    )
    const key = randomBytes(32)
    const [ciphertext, tag] = encrypt({ suite: 1, key, nonce: randomBytes(12) }, randomBytes(200))
    const v0 = Buffer.concat([randomBytes(12), ciphertext, tag])
    expect(reasonOf(() => openEnvelope({ ...expected, key: new HmacKey(key) }, v0))).to.equal('RECORD_KEY_MISMATCH')
  })

  it('seals nothing out of its format', () => {
    const good = { ...terms, suite: 1, chunkLog2: 16 }
    const bad = [
      { suite: 0 },
      { suite: 3 },
      { mode: 0 },
      { mode: 4 },
      { chunkLog2: 11 },
      { chunkLog2: 21 },
      { chunkLog2: 12.5 },
    ]
    for (const changes of [...bad, { keyId: Buffer.alloc(15) }, { contextHash: Buffer.alloc(0) }]) {
      expect(reasonOf(() => sealHeader({ ...good, ...changes } as never, random))).to.equal('INTERNAL')
    }
  })
})
