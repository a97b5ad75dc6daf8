import { expect } from 'chai'
import { VaultError } from '../../src/core/errors.js'
import type { Backend } from '../../src/frontend/guarded-backend.js'
import { answer } from './refusal.js'
import { instead, openWorld, type World } from './world.js'

const record = { userId: 'user', recordName: 'notes' }
const none = Buffer.alloc(0)
const otherKeyId = Buffer.alloc(16, 7)

describe('delete record', () => {
  let world: World
  let tries: number

  /** A front end whose first delete is done, or not, and whose answer is lost. */
  function losing(done: boolean) {
    tries = 0
    const deleteEnvelope: Backend['deleteEnvelope'] = async (request, call) => {
      tries += 1
      if (tries > 1) return world.backend.deleteEnvelope(request, call)
      if (done) await world.backend.deleteEnvelope({ ...request, expectKeyId: none }, call)
      throw new VaultError('OUTCOME_UNKNOWN')
    }
    return world.frontEnd({ backend: instead(world.backend, { deleteEnvelope }) })
  }

  before(async () => {
    world = await openWorld()
  })
  after(() => world.close())
  beforeEach(() => world.frontEnd().store({ ...record, data: Buffer.from('x') }))

  for (const done of [true, false]) {
    it(`in doubt, and ${done ? '' : 'not '}done, is done for who takes an absent record too`, async () => {
      expect(await losing(done).delete({ ...record, allowMissing: true })).to.deep.equal({ deleted: !done })
      expect(tries).to.equal(2)
      expect(await answer(world.frontEnd().delete(record))).to.include({ reason: 'RECORD_NOT_FOUND' })
    })
  }

  for (const asked of [{}, { expectKeyId: otherKeyId }, { expectKeyId: otherKeyId, allowMissing: true }]) {
    it(`in doubt stays so for who asks for more: ${Object.keys(asked)}`, async () => {
      expect(await answer(losing(true).delete({ ...record, ...asked }))).to.include({ reason: 'OUTCOME_UNKNOWN' })
      expect(tries).to.equal(1)
    })
  }
})
