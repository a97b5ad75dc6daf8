import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { encodeWrappedKey, type Provider } from '../../../src/frontend/crypto/wrapped-key.js'
import { type KeyProvider, unwrapWith } from '../../../src/frontend/keys/key-provider.js'
import { reasonOf } from '../refusal.js'

const context = { realm: 'test', userUid: randomBytes(16), generation: 1 }

function provider(number: Provider, keyRef: string, calls: string[]): KeyProvider {
  return {
    provider: number,
    keyRef,
    wrap: () => Promise.reject(new Error('not asked for')),
    async unwrap({ ciphertext }, given) {
      expect(given).to.equal(context)
      calls.push(`${number}/${keyRef}`)
      return ciphertext
    },
  }
}

describe('unwrapping a user key', () => {
  let calls: string[]
  let providers: KeyProvider[]
  beforeEach(() => {
    calls = []
    providers = [provider(1, 'kek', calls), provider(2, 'transit-key', calls), provider(3, 'arn:ours', calls)]
  })
  const frame = (number: Provider, keyRef: string) =>
    encodeWrappedKey({ provider: number, keyRef, keyVersion: 0, ciphertext: Buffer.from('ciphertext') })

  it('asks the provider and key that the frame names, and nobody else', async () => {
    expect((await unwrapWith(providers, frame(2, 'transit-key'), context)).toString()).to.equal('ciphertext')
    expect((await unwrapWith(providers, frame(3, 'arn:ours'), context)).toString()).to.equal('ciphertext')
    expect(calls).to.deep.equal(['2/transit-key', '3/arn:ours'])
  })

  it('is refused, and nobody asked, for a provider or key that is not configured', async () => {
    const unlisted = [
      frame(1, 'kek2'),
      frame(1, ''),
      frame(1, 'KEK'),
      frame(1, 'kek\0'),
      frame(2, 'kek'),
      frame(3, 'arn:theirs'),
      frame(3, 'transit-key'),
    ]
    for (const foreign of unlisted) {
      expect(await reasonOf(unwrapWith(providers, foreign, context))).to.equal('RECORD_KEY_MISMATCH')
    }
    expect(await reasonOf(unwrapWith([], frame(1, 'kek'), context))).to.equal('RECORD_KEY_MISMATCH')
    expect(calls).to.deep.equal([])
  })

  it('is refused, and nobody asked, for a frame that is none', async () => {
    const whole = frame(1, 'kek')
    const broken = [
      Buffer.alloc(0),
      whole.subarray(0, -1),
      Buffer.concat([whole, Buffer.of(0)]),
      Buffer.concat([Buffer.of(2), whole.subarray(1)]),
      Buffer.concat([Buffer.of(1, 9), whole.subarray(2)]),
    ]
    for (const bytes of broken) {
      expect(await reasonOf(unwrapWith(providers, bytes, context))).to.equal('RECORD_KEY_MISMATCH')
    }
    expect(calls).to.deep.equal([])
  })
})
