import { expect } from 'chai'
import { isDamaged } from '../../../../src/backend/engines/level/row-codec.js'
import { userCacheLimits, userCodec } from '../../../../src/backend/engines/level/users.js'
import type { UserDocument } from '../../../../src/gen/encserver/v1/backend.js'
import { sampleUser } from '../../samples.js'

const user = sampleUser()
const bytes = Buffer.from(userCodec.encode(user))

describe('users in LevelDB', () => {
  it('are decoded into fields with memory of their own', () => {
    const decoded = userCodec.decode(bytes) as UserDocument
    expect(decoded).to.deep.equal(user)
    const generations = decoded.generations.flatMap(({ wrappedKey, userBind }) => [wrappedKey, userBind])
    const fields = [decoded.userPseudonym, decoded.userUid, ...generations]
    expect(fields).to.have.length.above(3)
    for (const field of fields) expect(field.buffer.byteLength).to.equal(field.length)
  })

  it('count in the cache with their overhead; damaged rows do not fit into it', () => {
    const damaged = userCodec.decode(Buffer.of(0xff))
    expect(isDamaged(damaged)).to.equal(true)
    expect(userCacheLimits.bytesOf(damaged)).to.be.above(userCacheLimits.maxBytes)
    expect(userCacheLimits.bytesOf(user)).to.be.within(1024 + bytes.length, 2048)
  })
})
