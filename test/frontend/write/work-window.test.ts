import { expect } from 'chai'
import { workWindow } from '../../../src/frontend/write/work-window.js'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Work that ends when it is told to. */
function works() {
  const gates: { resolve(): void; reject(error: unknown): void }[] = []
  const work = () => new Promise<void>((resolve, reject) => gates.push({ resolve, reject }))
  return { gates, work }
}

describe('work window', () => {
  it('begins so much work and no more, and is drained when all is done', async () => {
    const { gates, work } = works()
    const window = workWindow(2, () => undefined)
    let added = 0
    const adding = (async () => {
      for (; added < 5; added += 1) await window.add(work)
      await window.drain()
    })()
    await turn()
    expect([gates.length, added]).to.deep.equal([2, 2])
    for (let ended = 0; ended < 5; ended += 1) {
      gates[ended]!.resolve()
      await turn()
    }
    await adding
    expect(gates).to.have.length(5)
  })

  it('is drained at once when there is nothing', () => workWindow(1, () => undefined).drain())

  it('begins nothing after a failure, which is told once and at once', async () => {
    const { gates, work } = works()
    const told: unknown[] = []
    const window = workWindow(2, (error) => told.push(error))
    await window.add(work)
    await window.add(work)
    const waiting = window.add(work).catch((error: unknown) => ({ error }))
    const mine = new Error('mine')
    gates[0]!.reject(mine)
    expect(await waiting).to.deep.equal({ error: mine })
    gates[1]!.reject(new Error('another'))
    await turn()
    expect(told).to.deep.equal([mine])
    expect(gates).to.have.length(2)
    expect(await window.drain().catch((error: unknown) => error)).to.equal(mine)
  })
})
