import { expect } from 'chai'
import { turnLimiter } from '../../../src/core/concurrency/turn-limiter.js'

const turn = () => new Promise((resolve) => setImmediate(resolve))

function paced(perTurn: number) {
  const { turn: mine } = turnLimiter(perTurn)
  return async (work: () => void) => {
    const later = mine()
    if (later !== undefined) await later
    work()
  }
}

describe('turn limiter', () => {
  it('begins a limited number in a turn, in order, and the others in later turns', async () => {
    const run = paced(3)
    const begun: number[] = []
    const all = Array.from({ length: 8 }, (_, at) => run(() => begun.push(at)))
    for (const count of [3, 6, 8, 8]) {
      expect(begun).to.deep.equal([...Array(count).keys()])
      await turn()
    }
    await Promise.all(all)
  })

  it('begins later work after waiting work', async () => {
    const run = paced(2)
    const begun: string[] = []
    const add = (name: string) => run(() => begun.push(name))
    for (const name of ['a', 'b', 'c', 'd', 'e']) void add(name)
    await turn()
    void add('f')
    expect(begun).to.deep.equal(['a', 'b', 'c', 'd'])
    await turn()
    expect(begun).to.deep.equal(['a', 'b', 'c', 'd', 'e', 'f'])
  })

  it('counts each turn separately', async () => {
    const run = paced(2)
    const begun: number[] = []
    for (let at = 0; at < 4; at += 1) {
      for (let each = 0; each < 2; each += 1) void run(() => begun.push(at))
      expect(begun).to.have.length(2 * at + 2)
      await turn()
    }
  })
})
