import { expect } from 'chai'
import { databaseRecovery } from '../../../../src/backend/engines/level/recovery.js'
import type { StoreHealth } from '../../../../src/backend/store/store.js'
import { VaultError } from '../../../../src/core/errors.js'
import { type TempFolder, tempFolder, until } from '../../samples.js'

describe('databaseRecovery', () => {
  const ioError = new VaultError('STORE_UNAVAILABLE')
  let folder: TempFolder

  beforeEach(async () => {
    folder = await tempFolder()
  })
  afterEach(() => folder.remove())

  /** The recovery of a database that fails to reopen `failures` times. */
  function start({ failures = 0, isOpen = true, path = folder.path, changed = async (_: StoreHealth) => {} } = {}) {
    const reopenings: number[] = []
    const seen: string[] = []
    const handle = {
      isOpen: () => isOpen,
      async reopen() {
        reopenings.push(Date.now())
        if (reopenings.length <= failures) throw Object.assign(new Error('IO error'), { code: 'LEVEL_IO_ERROR' })
      },
    }
    const recovery = databaseRecovery(
      handle,
      { folder: path, bufferBytes: 1 },
      {
        backoff: { firstMs: 10, maxMs: 40 },
        changed() {
          seen.push(recovery.health())
          void changed(recovery.health())
        },
      },
    )
    return { recovery, reopenings, seen }
  }

  it('is ready until a write fails', () => {
    const { recovery } = start()
    expect(recovery.health()).to.equal('ready')
    expect(() => recovery.refuseUnlessReady()).not.to.throw()
  })

  it('refuses writes with the reason until the database has been reopened', async () => {
    const { recovery, reopenings, seen } = start()
    recovery.reportFailure(new VaultError('STORE_FULL'))
    expect(() => recovery.refuseUnlessReady())
      .to.throw(VaultError)
      .that.includes({
        reason: 'STORE_FULL',
        retryAfterMs: 1000,
      })
    await until(() => recovery.health() === 'ready')
    expect(reopenings).to.have.length(1)
    expect(seen).to.deep.equal(['STORE_FULL', 'ready'])
    expect(() => recovery.refuseUnlessReady()).not.to.throw()
  })

  it('tries again after longer and longer pauses while reopening fails', async () => {
    const { recovery, reopenings, seen } = start({ failures: 4 })
    recovery.reportFailure(ioError)
    recovery.reportFailure(ioError)
    await until(() => recovery.health() === 'ready')
    const waits = reopenings.slice(1).map((at, index) => at - (reopenings[index] ?? 0))
    expect(waits).to.have.length(4)
    for (const [index, least] of [20, 40, 40, 40].entries()) expect(waits[index]).to.be.at.least(least - 2)
    expect(seen).to.deep.equal(['STORE_UNAVAILABLE', 'ready'])
  })

  it('recovers a second time', async () => {
    const { recovery, reopenings } = start()
    for (const times of [1, 2]) {
      recovery.reportFailure(ioError)
      await until(() => recovery.health() === 'ready')
      expect(reopenings).to.have.length(times)
    }
  })

  it('recovers from a failure that is reported a few microtasks after it became ready', async () => {
    for (const microtasks of [0, 1, 2, 3, 4, 5, 6, 7]) {
      const { recovery, reopenings } = start({
        async changed(health) {
          if (health !== 'ready' || reopenings.length > 1) return
          for (let at = 0; at < microtasks; at += 1) await undefined
          recovery.reportFailure(ioError)
        },
      })
      recovery.reportFailure(ioError)
      await until(() => reopenings.length === 2 && recovery.health() === 'ready')
      await recovery.stop()
    }
  })

  it('keeps an open database open while it cannot read the free space', async () => {
    const { recovery, reopenings } = start({ path: `${folder.path}/none` })
    recovery.reportFailure(ioError)
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(reopenings).to.have.length(0)
    await recovery.stop()
  })

  it('opens a closed database whatever the free space', async () => {
    const { recovery } = start({ path: `${folder.path}/none`, isOpen: false })
    recovery.reportFailure(ioError)
    await until(() => recovery.health() === 'ready')
  })

  it('makes no attempt after stop', async () => {
    const { recovery, reopenings } = start({ failures: Number.POSITIVE_INFINITY })
    recovery.reportFailure(ioError)
    await recovery.stop()
    const made = reopenings.length
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(reopenings).to.have.length(made)
  })
})
