// Many writes over one record, each repeated until it is answered, by a caller whose attempts and answers are lost at random:
// the token that the caller holds opens the record.
import { expect } from 'chai'
import { VaultError } from '../../src/core/errors.js'
import type { Backend } from '../../src/frontend/upstream/backend.js'
import type { Precondition } from '../../src/gen/encserver/v1/frontend.js'
import { modes, newSecret } from './tokens.js'
import { MiB, seeded, upload } from './transfers.js'
import { type FrontEnd, instead, openWorld, type World } from './world.js'

const writes = 100
const retryLimits = { tryMs: 60_000, totalMs: 60_000, pauseMs: 1, settleMs: 5 }

/** A number from 0 to 1 that only the seed decides. */
function seededRandom(seed: number): () => number {
  const bytes = seeded(4 * 10_000, seed)
  let at = 0
  return () => bytes.readUInt32LE((at++ % 10_000) * 4) / 2 ** 32
}

/** What the caller keeps of the newest write that it knows to be stored. */
interface Held {
  recordKey: string
  keyId: Buffer
  data: Buffer
}

function expecting(held: Held | undefined): Precondition {
  return { condition: held ? { $case: 'keyId', value: held.keyId } : { $case: 'absent', value: true } }
}

/** Repeats the call a few times; true if it was answered. */
async function repeated(attempt: (triedMsAgo: number) => Promise<unknown>): Promise<boolean> {
  for (let tries = 0; tries < 20; tries += 1) {
    try {
      await attempt(tries)
      return true
    } catch (error) {
      expect(error).to.have.property('reason', 'OUTCOME_UNKNOWN')
    }
  }
  return false
}

/** True if the token opens the record and the contents are its own. */
async function opens(frontEnd: FrontEnd, userId: string, { recordKey, keyId, data }: Held): Promise<boolean> {
  try {
    const { record, data: back } = await frontEnd.retrieve({ userId, recordKey })
    return record?.keyId.equals(keyId) === true && back.equals(data)
  } catch (error) {
    expect(error).to.have.property('reason').that.is.oneOf(['RECORD_KEY_MISMATCH', 'RECORD_NOT_FOUND'])
    return false
  }
}

describe('a caller whose answers are lost at random', () => {
  let world: World
  before(async () => {
    world = await openWorld()
  })
  after(() => world.close())

  /** Loses a quarter of the stores on their way, and the answers to as many. */
  function losing(random: () => number, lost: { attempts: number; answers: number }): Backend {
    return instead(world.backend, {
      async storeEnvelope(...store) {
        const fate = random()
        lost.attempts += fate < 0.25 ? 1 : 0
        if (fate < 0.25) throw new VaultError('OUTCOME_UNKNOWN')
        const answer = await world.backend.storeEnvelope(...store)
        lost.answers += fate < 0.5 ? 1 : 0
        if (fate < 0.5) throw new VaultError('OUTCOME_UNKNOWN')
        return answer
      },
    })
  }

  const way = {
    store: (frontEnd: FrontEnd, request: Omit<Parameters<FrontEnd['store']>[0], 'data'>, data: Buffer) =>
      frontEnd.store({ ...request, data }),
    upload,
  }

  for (const [name, write] of Object.entries(way)) {
    for (const seed of [1, 2, 3]) {
      it(`holds a token that opens the record after each ${name}, and loses none (seed ${seed})`, async () => {
        const random = seededRandom(seed)
        const lost = { attempts: 0, answers: 0 }
        const frontEnd = world.frontEnd({ backend: losing(random, lost), retryLimits })
        const userId = `${name}-${seed}`
        let held: Held | undefined
        for (let round = 0; round < writes; round += 1) {
          const secret = newSecret(Object.values(modes)[round % 3]!)
          const size = name === 'upload' && round % 10 === 0 ? MiB + round : round
          const next = { recordKey: secret.recordKey, keyId: secret.keyId, data: seeded(size, round + 1) }
          const precondition = round % 2 === 0 ? expecting(held) : undefined
          const attempt = (triedMsAgo: number) =>
            write(frontEnd, { userId, ...secret.fields, triedMsAgo, ...(precondition && { precondition }) }, next.data)
          const isAnswered = await repeated(attempt)
          // A condition on the key id decides every repeat; without one, a row that was written often cannot (ADR 14).
          if (precondition) expect(isAnswered).to.equal(true)
          const isStored = isAnswered || (await opens(frontEnd, userId, next))
          if (isStored) held = next
          expect(held && (await opens(frontEnd, userId, held))).to.equal(true)
        }
        expect(lost.attempts).to.be.above(10)
        expect(lost.answers).to.be.above(10)
      })
    }
  }
})
