import { expect } from 'chai'
import fc from 'fast-check'
import {
  type ContextValues,
  contextHash,
  contextOf,
  entryContext,
  type Purpose,
  recordContext,
  userBindContext,
  userIdContext,
  userKeyContext,
  userPseudonymContext,
} from '../../../src/frontend/crypto/context.js'
import { identity, reasonOf, thrownBy } from './fixtures.js'
import { group, hex, runAll } from './vectors.js'

const userUid = Buffer.alloc(16, 1)
const keyId = Buffer.alloc(16, 2)

/** A context read back, to see that nothing is lost. */
function tagsOf(context: Buffer): Array<[tag: number, value: string]> {
  const tags: Array<[number, string]> = []
  for (let at = 7; at < context.length; ) {
    const length = context.readUInt32BE(at + 1)
    tags.push([context[at]!, context.subarray(at + 5, at + 5 + length).toString('hex')])
    at += 5 + length
  }
  return tags
}

describe('context', () => {
  it('agrees with the vectors', () => {
    runAll(group('Context'), 11, (test) => {
      const given = {
        ...test,
        userUid: hex(test['userUid'] ?? ''),
        keyId: hex(test['keyId'] ?? ''),
        callerAad: hex(test['callerAad'] ?? ''),
        generation: test['gen'],
      }
      const context = contextOf(test['purpose'] as Purpose, given as unknown as ContextValues)
      expect(context.toString('hex')).to.equal(test['ctx'])
      expect(contextHash(context).toString('hex')).to.equal(test['ctxHash'])
    })
  })

  it('has its tags ascending, each at most once', () => {
    const all = { ...identity, callerAad: Buffer.of(9), userUid, keyId, label: 'l', generation: 7 }
    const purposes = ['record', 'userId', 'userKey', 'entry', 'field', 'userPseudonym', 'recordPseudonym', 'userBind']
    for (const purpose of purposes as Purpose[]) {
      const context = contextOf(purpose, all)
      const tags = tagsOf(context).map(([tag]) => tag)
      expect(tags).to.deep.equal([...new Set(tags)].sort((a, b) => a - b))
      expect(context[6]).to.equal(tags.length)
    }
  })

  it('is injective: ids that differ anywhere, or are split elsewhere, differ', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    const ids = fc.record({ realm: text, userId: text, recordName: text })
    fc.assert(
      fc.property(ids, ids, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other)
        const contexts = [one, other].map((id) => recordContext({ ...id, callerAad: Buffer.alloc(0) }))
        return contexts[0]!.equals(contexts[1]!) === same
      }),
    )
    fc.assert(
      fc.property(fc.string({ minLength: 3, maxLength: 20 }), fc.nat(), fc.nat(), (joined, a, b) => {
        const cut = (at: number) => ({ userId: joined.slice(0, at), recordName: joined.slice(at) })
        const [one, other] = [1 + (a % joined.length), 1 + (b % joined.length)]
        const contextAt = (at: number) => recordContext({ ...identity, ...cut(at) })
        return contextAt(one).equals(contextAt(other)) === (one === other)
      }),
    )
  })

  it('tells composed from decomposed, and keeps NUL and every plane', () => {
    const spellings = [
      'caf\u00e9',
      'cafe\u0301',
      'caf\0\u00e9',
      'caf',
      'caf\0',
      '\u{1f511}',
      '\ufeffcaf\u00e9',
      'CAF\u00c9',
    ]
    const contexts = spellings.map((userId) => userPseudonymContext({ realm: 'test', userId }).toString('hex'))
    expect(new Set(contexts).size).to.equal(spellings.length)
  })

  it('refuses text that is not well formed, naming the field', () => {
    for (const bad of ['\ud800', 'a\udfff', '\udc00\ud800', 'x\ud83dx']) {
      expect(thrownBy(() => recordContext({ ...identity, userId: bad })).fields[0]?.field).to.equal('user_id')
      expect(thrownBy(() => recordContext({ ...identity, recordName: bad })).fields[0]?.field).to.equal('record_name')
      expect(reasonOf(() => recordContext({ ...identity, realm: bad }))).to.not.equal(undefined)
    }
  })

  it('counts bytes, not characters, at every limit', () => {
    const accepts = (changes: Partial<typeof identity>) => recordContext({ ...identity, ...changes })
    const rejects = (changes: Partial<typeof identity>) => thrownBy(() => accepts(changes)).fields[0]?.field
    accepts({ userId: 'x'.repeat(1024) })
    accepts({ userId: '\u00e9'.repeat(512), recordName: '\u00e9'.repeat(512) })
    accepts({ recordName: '', callerAad: Buffer.alloc(65536), realm: 'r'.repeat(128) })
    expect(rejects({ userId: '' })).to.equal('user_id')
    expect(rejects({ userId: 'x'.repeat(1025) })).to.equal('user_id')
    expect(rejects({ userId: `${'\u00e9'.repeat(512)}x` })).to.equal('user_id')
    expect(rejects({ recordName: 'x'.repeat(1025) })).to.equal('record_name')
    expect(rejects({ callerAad: Buffer.alloc(65537) })).to.equal('caller_aad')
  })

  it('never repeats a value in an error', () => {
    const error = thrownBy(() => recordContext({ ...identity, userId: 'secret-id'.repeat(200) }))
    expect(JSON.stringify(error) + error.message).to.not.contain('secret-id')
  })

  it('calls a wrong value of our own a bug', () => {
    const bugs = [
      () => recordContext({ ...identity, realm: '' }),
      () => recordContext({ ...identity, realm: 'r'.repeat(129) }),
      () => entryContext({ ...identity, keyId: Buffer.alloc(15) }),
      () => userIdContext({ realm: 'test', userUid: Buffer.alloc(17) }),
      () => userBindContext({ ...identity, userUid: Buffer.alloc(0) }),
      () => userKeyContext({ realm: 'test', userUid, generation: 2 ** 32 }),
      () => userKeyContext({ realm: 'test', userUid, generation: -1 }),
    ]
    for (const bug of bugs) expect(reasonOf(bug)).to.equal('INTERNAL')
  })
})
