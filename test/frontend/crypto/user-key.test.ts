import { expect } from 'chai'
import { userBindContext } from '../../../src/frontend/crypto/context.js'
import { HmacKey } from '../../../src/frontend/crypto/hmac.js'
import { userBind, verifyUserBind } from '../../../src/frontend/crypto/user-key.js'
import { bitFlips, reasonOf } from './fixtures.js'
import { group, hex, runAll } from './vectors.js'

const alice = { realm: 'test', userId: 'alice@example.test', userUid: hex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff') }

describe('user key', () => {
  it('binds as the vector does', () => {
    runAll(group('UserBind'), 1, ({ key, ctx, bind }) => {
      expect(userBindContext(alice).toString('hex')).to.equal(ctx)
      expect(userBind(new HmacKey(hex(key)), alice).toString('hex')).to.equal(bind)
    })
  })

  it('accepts this user with this uid under this key, and nothing else', () => {
    const key = new HmacKey(Buffer.alloc(32, 1))
    const bind = userBind(key, alice)
    verifyUserBind(key, alice, bind)
    const otherUid = { ...alice, userUid: Buffer.alloc(16) }
    const wrong = [
      () => verifyUserBind(new HmacKey(Buffer.alloc(32, 2)), alice, bind),
      () => verifyUserBind(key, { ...alice, userId: 'bob@example.test' }, bind),
      () => verifyUserBind(key, { ...alice, realm: 'test2' }, bind),
      () => verifyUserBind(key, otherUid, bind),
      () => verifyUserBind(key, { ...alice, userUid: alice.userUid.subarray(1) }, bind),
      () => verifyUserBind(key, alice, bind.subarray(1)),
      () => verifyUserBind(key, alice, Buffer.alloc(0)),
    ]
    for (const attempt of wrong) expect(reasonOf(attempt)).to.equal('RECORD_KEY_MISMATCH')
    for (const { flipped } of bitFlips(bind)) {
      expect(reasonOf(() => verifyUserBind(key, alice, flipped))).to.equal('RECORD_KEY_MISMATCH')
    }
  })
})
