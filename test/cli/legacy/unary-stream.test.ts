import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { unaryStream } from '../../../src/cli/legacy/unary-stream.js'
import { transfer } from '../../../src/cli/transfer/transfer.js'
import type { CallOptions } from '../../../src/core/client/client.js'
import { VaultError } from '../../../src/core/errors.js'

async function* numbers(count: number) {
  for (let at = 0; at < count; at += 1) yield { bytes: 1, request: at }
}

function run(count: number, call: (request: number, options: CallOptions) => Promise<string>, stallMs = 2_000) {
  const stopping = new AbortController()
  const waits: VaultError[] = []
  const sender = {
    send: unaryStream(call, 4),
    stallMs,
    signal: stopping.signal,
    onWaiting: (error: VaultError) => waits.push(error),
  }
  return { stopping, waits, outcomes: transfer(numbers(count), sender) }
}

async function settled(outcomes: ReturnType<typeof run>['outcomes']) {
  const all: string[] = []
  for await (const batch of outcomes) {
    for (const { item, result } of batch) all.push(`${item.request}: ${result.answer ?? result.error?.reason}`)
  }
  return all
}

describe('unary calls as a stream', () => {
  it('answer each item once, in order, with a limit on concurrent calls', async () => {
    let running = 0
    let max = 0
    const { outcomes } = run(500, async (request) => {
      running += 1
      max = Math.max(max, running)
      await sleep(request % 3)
      running -= 1
      return `done ${request}`
    })
    expect(await settled(outcomes)).to.deep.equal(Array.from({ length: 500 }, (_, at) => `${at}: done ${at}`))
    expect(max).to.equal(4)
  })

  it('give a failed item an outcome of its own', async () => {
    const { outcomes } = run(10, async (request) => {
      if (request % 2 === 1) throw new VaultError('RECORD_KEY_MISMATCH')
      return 'done'
    })
    const expected = Array.from({ length: 10 }, (_, at) => `${at}: ${at % 2 === 1 ? 'RECORD_KEY_MISMATCH' : 'done'}`)
    expect(await settled(outcomes)).to.deep.equal(expected)
  })

  it('are retried while the server postpones them, even all of them', async () => {
    const made = new Map<number, number>()
    const { outcomes } = run(40, async (request) => {
      made.set(request, (made.get(request) ?? 0) + 1)
      if (made.get(request) === 1) throw new VaultError('OVERLOADED', { retryAfterMs: 1 })
      return 'done'
    })
    expect(await settled(outcomes)).to.have.length(40)
    expect([...made.values()].every((count) => count === 2)).to.equal(true)
  }).timeout(20_000)

  it('end when the server answers nothing for too long', async () => {
    const { outcomes, waits } = run(
      3,
      async () => {
        throw new VaultError('UNREACHABLE')
      },
      300,
    )
    const thrown = await settled(outcomes).catch((error: unknown) => error)
    expect(thrown).to.include({ reason: 'UNREACHABLE' })
    expect(waits.length).to.be.at.most(1)
  })

  it('end at once if the server does not offer the method, or after an unknown error', async () => {
    for (const cause of [new VaultError('NOT_SUPPORTED'), new TypeError('a bug')]) {
      let made = 0
      const { outcomes } = run(1_000, async () => {
        made += 1
        throw cause
      })
      expect(await settled(outcomes).catch((error: unknown) => error)).to.equal(cause)
      expect(made).to.be.at.most(4)
    }
  })

  it('end with their caller, while a call hangs', async () => {
    const reason = new VaultError('CANCELLED')
    const { outcomes, stopping } = run(10, (_, { signal }) => {
      setTimeout(() => stopping.abort(reason), 10)
      return new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    })
    expect(await settled(outcomes).catch((error: unknown) => error)).to.equal(reason)
  })
})
