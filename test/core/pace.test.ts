import { expect } from 'chai'
import { pace } from '../../src/core/pace.js'
import { gate } from './fake-frontend.js'

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('pace', () => {
  it('begins so many in a turn, in the order they came, and the rest in the next ones', async () => {
    const { run } = pace(3)
    const begun: number[] = []
    const all = Array.from({ length: 8 }, (_, at) => run(async () => begun.push(at)))
    for (const count of [3, 6, 8, 8]) {
      expect(begun).to.deep.equal([...Array(count).keys()])
      await turn()
    }
    await Promise.all(all)
  })

  it('waits for none of them to end', async () => {
    const { run } = pace(1)
    const { opened, open } = gate()
    const first = run(() => opened)
    const second = await run(async () => 'second')
    expect(second).to.equal('second')
    open()
    await first
  })

  it('has who comes later begin after those who wait', async () => {
    const { run } = pace(2)
    const begun: string[] = []
    const add = (name: string) => run(async () => begun.push(name))
    for (const name of ['a', 'b', 'c', 'd', 'e']) void add(name)
    await turn()
    void add('f')
    expect(begun).to.deep.equal(['a', 'b', 'c', 'd'])
    await turn()
    expect(begun).to.deep.equal(['a', 'b', 'c', 'd', 'e', 'f'])
  })

  it('begins anew each turn', async () => {
    const { run } = pace(2)
    const begun: number[] = []
    for (let at = 0; at < 4; at += 1) {
      for (let each = 0; each < 2; each += 1) void run(async () => begun.push(at))
      expect(begun).to.have.length(2 * at + 2)
      await turn()
    }
  })

  it('hands on what fails, now and later', async () => {
    const { run } = pace(1)
    const failures = ['now', 'later'].map((what) => run(() => Promise.reject(new Error(what))))
    const seen = await Promise.allSettled(failures)
    expect(seen.map((each) => (each as PromiseRejectedResult).reason.message)).to.deep.equal(['now', 'later'])
  })
})
