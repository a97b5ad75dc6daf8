// Ended calls of a part store.
import { expect } from 'chai'
import type { StoreCall } from '../../src/backend/store/store.js'
import { VaultError } from '../../src/core/errors.js'
import { call, reasonOf } from '../backend/samples.js'
import type { PartStoreUnderTest } from './part-store-under-test.js'

function ended(): StoreCall {
  return { ...call, signal: AbortSignal.abort(new VaultError('CANCELLED')) }
}

function late(): StoreCall {
  return { ...call, deadline: Date.now() - 1 }
}

export function partCallsContract(opened: PartStoreUnderTest): void {
  describe('a call that has ended', () => {
    const endings: [string, () => StoreCall, string][] = [
      ['cancelled', ended, 'CANCELLED'],
      ['late', late, 'DEADLINE_EXCEEDED'],
    ]
    for (const [how, asCall, reason] of endings) {
      it(`that is ${how} is refused, and changes nothing`, async () => {
        await opened.texts(0)
        const other = { ...opened.set, partNumber: 1, data: Buffer.of(1) }
        const attempts = [
          opened.parts.put(other, asCall()),
          opened.parts.get({ ...opened.set, partNumber: 0, offset: 0, length: 0 }, asCall()),
          opened.parts.state(opened.set, asCall()),
          opened.parts.newest(opened.set, asCall()),
          opened.parts.remove(opened.set, asCall()),
          opened.parts.sets(asCall())[Symbol.asyncIterator]().next(),
        ]
        for (const attempt of attempts) expect(await reasonOf(attempt)).to.equal(reason)
        expect(await opened.parts.state(opened.set, call)).to.include({ count: 1 })
      })
    }
  })
}
