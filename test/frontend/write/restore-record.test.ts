// Restores of versions in parts; test/frontend/versions.test.ts has what is so for all.

import { expect } from 'chai'
import type { CallSignal } from '../../../src/core/concurrency/call-signal.js'
import { VaultError } from '../../../src/core/errors.js'
import { reasonOf } from '../refusal.js'
import { MiB, seeded, upload } from '../transfers.js'
import { type FrontEnd, instead, openWorld, type World } from '../world.js'

describe('restore of a version in parts', () => {
  let world: World
  let frontEnd: FrontEnd
  before(async () => {
    world = await openWorld()
    frontEnd = world.frontEnd()
  })
  after(() => world.close())

  it('that fails ends its reads, and keeps its place until they have ended', async () => {
    const userId = 'failing'
    const first = await upload(frontEnd, { userId, keepVersions: 2 }, seeded(6 * MiB))
    await upload(frontEnd, { userId, keepVersions: 2 }, seeded(10))
    const reads: { signal: CallSignal; end(): void }[] = []
    const backend = instead(world.backend, {
      storePart: () => Promise.reject(new VaultError('STORE_FULL')),
      retrievePart(request, context) {
        if (request.partNumber === 0 || request.partNumber === 6) return world.backend.retrievePart(request, context)
        return new Promise((_, reject) => {
          reads.push({ signal: context.signal, end: () => reject(context.signal.reason) })
        })
      },
    })
    const narrow = world.frontEnd({ backend, config: { maxTransfers: 1 } })
    const restored = narrow.restore({ userId, recordKey: first.recordKey, version: 1n })
    expect(await reasonOf(restored)).to.equal('STORE_FULL')
    expect(reads.map(({ signal }) => signal.aborted))
      .to.include(true)
      .and.not.include(false)
    expect(await reasonOf(upload(narrow, { userId }, seeded(10)))).to.equal('OVERLOADED')
    for (const { end } of reads) end()
    await narrow.vault.transfers.idle()
    expect((await upload(narrow, { userId }, seeded(10))).version).to.equal(3n)
  })
})
