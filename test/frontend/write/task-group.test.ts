import { expect } from 'chai'
import { taskGroup } from '../../../src/frontend/write/task-group.js'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Tasks that end when their gate is opened. */
function gatedTasks() {
  const gates: { resolve(): void; reject(error: unknown): void }[] = []
  const task = () => new Promise<void>((resolve, reject) => gates.push({ resolve, reject }))
  return { gates, task }
}

describe('task group', () => {
  it('runs at most two tasks at once, and is drained when all are done', async () => {
    const { gates, task } = gatedTasks()
    const group = taskGroup(2, () => undefined)
    let started = 0
    const starting = (async () => {
      for (; started < 5; started += 1) await group.start(task)
      await group.drain()
    })()
    await turn()
    expect([gates.length, started]).to.deep.equal([2, 2])
    for (let ended = 0; ended < 5; ended += 1) {
      gates[ended]!.resolve()
      await turn()
    }
    await starting
    expect(gates).to.have.length(5)
  })

  it('is drained at once when no task was started', () => taskGroup(1, () => undefined).drain())

  it('can be drained again after further tasks', async () => {
    const group = taskGroup(2, () => undefined)
    let done = 0
    for (let round = 1; round <= 2; round += 1) {
      for (let task = 0; task < 3; task += 1) {
        await group.start(async () => {
          await turn()
          done += 1
        })
      }
      await group.drain()
      expect(done).to.equal(3 * round)
    }
  })

  it('starts nothing after a failure, which is reported once and at once', async () => {
    const { gates, task } = gatedTasks()
    const reported: unknown[] = []
    const group = taskGroup(2, (error) => reported.push(error))
    await group.start(task)
    await group.start(task)
    const waiting = group.start(task).catch((error: unknown) => ({ error }))
    const first = new Error('first')
    gates[0]!.reject(first)
    expect(await waiting).to.deep.equal({ error: first })
    gates[1]!.reject(new Error('another'))
    await turn()
    expect(reported).to.deep.equal([first])
    expect(gates).to.have.length(2)
    expect(await group.drain().catch((error: unknown) => error)).to.equal(first)
  })

  it('a drain rejects at the first failure, while another task is still running', async () => {
    const { gates, task } = gatedTasks()
    const group = taskGroup(3, () => undefined)
    await group.start(task)
    await group.start(task)
    const draining = group.drain().catch((error: unknown) => error)
    const first = new Error('first')
    gates[1]!.reject(first)
    expect(await draining).to.equal(first)
  })
})
