import { expect } from 'chai'
import { byteGate } from '../../../src/core/concurrency/byte-gate.js'
import { VaultError } from '../../../src/core/errors.js'

const limits = { maxRunning: 100, maxWaiting: 200, minCounted: 10 }

/** Work that the test ends. */
function work() {
  const running = new Map<string, () => void>()
  const begin = (name: string) => () =>
    new Promise<string>((resolve) => {
      running.set(name, () => {
        running.delete(name)
        resolve(name)
      })
    })
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  return {
    begin,
    async names() {
      await turn()
      return [...running.keys()].toSorted().join('')
    },
    end: (name: string) => running.get(name)!(),
  }
}

describe('byte gate', () => {
  it('runs work within its bytes, and further work in the order of the calls', async () => {
    const gate = byteGate(limits)
    const { begin, names, end } = work()
    const done = [gate.run(60, begin('a')), gate.run(60, begin('b')), gate.run(40, begin('c'))]
    expect(await names()).to.equal('a') // c waits for b
    end('a')
    expect(await names()).to.equal('bc')
    end('b')
    end('c')
    expect(await Promise.all(done)).to.deep.equal(['a', 'b', 'c'])
  })

  it('runs larger work alone', async () => {
    const gate = byteGate(limits)
    const { begin, names, end } = work()
    void gate.run(150, begin('a'))
    void gate.run(20, begin('b'))
    void gate.run(150, begin('c'))
    expect(await names()).to.equal('a')
    end('a')
    expect(await names()).to.equal('b')
    end('b')
    expect(await names()).to.equal('c')
  })

  it('runs small work at once', async () => {
    const gate = byteGate(limits)
    const { begin, names } = work()
    void gate.run(100, begin('a'))
    void gate.run(100, begin('b'))
    void gate.run(9, begin('c'))
    expect(await names()).to.equal('ac')
  })

  it('refuses work when too much waits, and begins none of it', async () => {
    const gate = byteGate(limits)
    const { begin, names, end } = work()
    for (const name of 'abc') void gate.run(100, begin(name))
    const refused: VaultError = await gate.run(100, begin('d')).catch((error) => error)
    expect(refused).to.be.instanceOf(VaultError)
    expect(refused).to.include({ reason: 'OVERLOADED', retryAfterMs: 100 })
    for (const name of 'abc') {
      expect(await names()).to.equal(name)
      end(name)
    }
    expect(await names()).to.equal('')
  })

  it('gives the room back of work that fails', async () => {
    const gate = byteGate(limits)
    const failure = new Error('failed')
    const refused = await gate.run(100, () => Promise.reject(failure)).catch((error: unknown) => error)
    expect(refused).to.equal(failure)
    expect(await gate.run(100, async () => 'done')).to.equal('done')
  })
})
