import { expect } from 'chai'
import { group, vectorFile } from './vectors.js'

// Each group with its number of tests. Those that run do so in the test named beside; the others wait for their feature.
const running = {
  Context: 11, // context.test.ts
  Pseudonym: 9, // pseudonym.test.ts
  ChunkNonce: 7, // aead.test.ts
  Envelope: 68, // envelope.test.ts, record.test.ts
  Box: 19, // box.test.ts
  UserBind: 1, // user-key.test.ts
  WrappedUserKey: 9, // wrapped-key.test.ts
  Token: 14, // token.test.ts
  LegacyV0: 9, // legacy-v0.test.ts
}
const waiting = { FieldText: 1, Digest: 1, Audit: 7 }

describe('the vector file of our formats', () => {
  const file = vectorFile('record-envelope-v1')

  it('has the groups we run and those that wait, and no other', () => {
    const found = Object.fromEntries(file.testGroups.map(({ type, tests }) => [type, tests.length]))
    expect(found).to.deep.equal({ ...running, ...waiting })
  })

  it('has as many tests as it says, each with its own number and a known result', () => {
    const tests = file.testGroups.flatMap(({ type }) => group(type))
    expect(tests).to.have.length(file.numberOfTests)
    expect(new Set(tests.map(({ tcId }) => tcId)).size).to.equal(156)
    expect(tests.filter(({ result }) => result === 'valid')).to.have.length(60)
    expect(tests.filter(({ result }) => result === 'invalid')).to.have.length(96)
  })
})
