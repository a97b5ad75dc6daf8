// Items over streams that break, postpone and stall. A stub of the server is given the fate of each item.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import type { TransferItem } from '../../../src/cli/transfer/send-window.js'
import { transfer } from '../../../src/cli/transfer/transfer.js'
import { VaultError } from '../../../src/core/errors.js'

type Unit = TransferItem<number> & { at: number }
type Answer = { itemId: string } & ({ answer: string; error?: never } | { error: VaultError; answer?: never })
type Serve = (record: number, stream: number) => Answer['error'] | 'break' | 'silence' | string | undefined

const failure = (reason: ConstructorParameters<typeof VaultError>[0]) => new VaultError(reason)

async function* units(count: number, change: (at: number) => object = () => ({})): AsyncGenerator<Unit> {
  for (let at = 0; at < count; at += 1) yield { at, bytes: 100, request: at, ...change(at) } as Unit
}

/** A server that works on many at once and answers in any order. */
function server(
  serve: Serve,
  breakWith = failure('UNREACHABLE'),
  answered: (record: number) => void = () => undefined,
) {
  const seen = { streams: 0, sent: [] as number[], together: 0, waits: [] as string[] }

  async function* send(requests: AsyncIterable<{ itemId: string; record: number }>, options: { signal?: AbortSignal }) {
    seen.streams += 1
    const stream = seen.streams
    const ready: Answer[] = []
    let open = 0
    let ended = false
    let broken = false
    const read = async () => {
      for await (const { itemId, record } of requests) {
        seen.sent.push(record)
        open += 1
        seen.together = Math.max(seen.together, open)
        const made = serve(record, stream)
        if (made === 'break') broken = true
        if (made === 'break' || made === 'silence') continue
        void sleep(Math.random() * 4).then(() => {
          open -= 1
          answered(record)
          ready.push(made instanceof VaultError ? { itemId, error: made } : { itemId, answer: `${made ?? record}` })
        })
      }
      ended = true
    }
    void read()
    while (!ended || open > 0 || ready.length > 0) {
      if (options.signal?.aborted) throw options.signal.reason
      const next = ready.shift()
      if (next) yield next
      else if (broken) throw breakWith
      else await sleep(1)
    }
  }
  return { seen, send }
}

async function run(items: AsyncIterable<Unit>, served: ReturnType<typeof server>, stallMs = 5_000) {
  const settled: string[] = []
  const sender = {
    send: served.send,
    stallMs,
    signal: new AbortController().signal,
    onWaiting: ({ reason }: VaultError) => void served.seen.waits.push(reason),
  }
  let failed: VaultError | undefined
  try {
    for await (const batch of transfer<number, string, Unit>(items, sender)) {
      for (const { item, result } of batch) settled.push(`${item.at} ${result.error?.reason ?? result.answer}`)
    }
  } catch (error) {
    failed = error as VaultError
  }
  return { settled, failed, ...served.seen }
}

const inOrder = (count: number) => Array.from({ length: count }, (_, at) => `${at} ${at}`)

describe('transfer', () => {
  it('yields results in order, whatever order they arrive in', async () => {
    const { settled, streams, together } = await run(
      units(1000),
      server(() => undefined),
    )
    expect(settled).to.deep.equal(inOrder(1000))
    expect(streams).to.equal(1)
    expect(together).to.be.greaterThan(64)
  })

  it('opens no stream without items', async () => {
    expect(
      await run(
        units(0),
        server(() => undefined),
      ),
    ).to.include({ streams: 0, failed: undefined })
  })

  it('yields failures in their place, and sends no item that failed in the source', async () => {
    const bad = (at: number) => (at === 3 ? { request: undefined, error: failure('INVALID_REQUEST') } : {})
    const served = server((record) => (record === 5 ? failure('RECORD_CORRUPT') : undefined))
    const { settled, sent } = await run(units(8, bad), served)
    expect(settled[3]).to.equal('3 INVALID_REQUEST')
    expect(settled[5]).to.equal('5 RECORD_CORRUPT')
    expect(settled.length).to.equal(8)
    expect(sent).to.not.include(3)
  })

  it('sends unanswered items of a broken stream again on a new one', async () => {
    const served = server((record, stream) => (record === 400 && stream < 3 ? 'break' : undefined))
    const { settled, failed, streams } = await run(units(1000), served)
    expect(failed).to.equal(undefined)
    expect(settled).to.deep.equal(inOrder(1000))
    expect(streams).to.equal(3)
  })

  it('retries a postponed item', async () => {
    for (const reason of [
      'OVERLOADED',
      'BACKEND_UNAVAILABLE',
      'OUTCOME_UNKNOWN',
      'CONTENTION',
      'STORE_FULL',
    ] as const) {
      const { settled } = await run(
        units(20),
        server((record, stream) => (stream === 1 && record % 2 ? failure(reason) : undefined)),
      )
      expect(settled, reason).to.deep.equal(inOrder(20))
    }
  })

  it('retries postponed items that fill its window, without waiting for the end of the stream', async () => {
    const served = server((_, stream) => (stream === 1 ? failure('OVERLOADED') : undefined))
    const { settled, streams } = await run(units(600), served)
    expect(settled).to.deep.equal(inOrder(600))
    expect(streams).to.equal(2)
  })

  it('gives one item up if only that is postponed for too long', async () => {
    const slow = async function* () {
      for await (const unit of units(40)) {
        await sleep(40)
        yield unit
      }
    }
    const served = server((record) => (record === 2 ? failure('OVERLOADED') : undefined))
    const { settled, failed } = await run(slow(), served, 800)
    expect(failed).to.equal(undefined)
    expect(settled[2]).to.equal('2 OVERLOADED')
    expect(settled.length).to.equal(40)
  })

  it('ends when the server is gone for too long, and reports the wait once', async () => {
    const startedAt = Date.now()
    const items = async function* () {
      yield* units(3)
      await sleep(50)
      for await (const unit of units(10)) if (unit.at >= 3) yield unit
    }
    const served = server((record) => (record < 3 ? undefined : 'break'))
    const { settled, failed, waits } = await run(items(), served, 1_500)
    expect(failed?.reason).to.equal('UNREACHABLE')
    expect(settled).to.deep.equal(inOrder(3))
    expect(waits).to.deep.equal(['UNREACHABLE'])
    expect(Date.now() - startedAt).to.be.within(1_400, 60_000)
  })

  it('ends when the server is silent for too long, and still yields the answers it has', async () => {
    const { settled, failed } = await run(
      units(10),
      server((record) => (record === 4 ? 'silence' : undefined)),
      1_500,
    )
    expect(failed?.reason).to.equal('DEADLINE_EXCEEDED')
    expect(settled).to.have.members(inOrder(10).filter((line) => line !== '4 4'))
  })

  it('ends at once after an error that is not transient', async () => {
    const { failed, streams } = await run(
      units(10),
      server(() => 'break', failure('NOT_SUPPORTED')),
    )
    expect(failed?.reason).to.equal('NOT_SUPPORTED')
    expect(streams).to.equal(1)
  })

  it('finds the one item that breaks the stream for all', async () => {
    const served = server((record) => (record === 30 ? 'break' : undefined), failure('INVALID_REQUEST'))
    const { settled, failed } = await run(units(500), served)
    expect(failed).to.equal(undefined)
    expect(settled).to.deep.equal(inOrder(500).with(30, '30 INVALID_REQUEST'))
  })

  it('never has two items of one subject in flight', async () => {
    const busy = new Set<number>()
    let clashes = 0
    const take = (record: number) => {
      if (busy.has(record % 3)) clashes += 1
      busy.add(record % 3)
      return undefined
    }
    const served = server(take, undefined, (record) => busy.delete(record % 3))
    const { settled } = await run(
      units(60, (at) => ({ subject: `${at % 3}` })),
      served,
    )
    expect(settled).to.deep.equal(inOrder(60))
    expect(clashes).to.equal(0)
  })

  it('reads no further ahead than its window', async () => {
    let read = 0
    const counted = async function* () {
      for await (const unit of units(3000, () => ({ bytes: 1024 * 1024 }))) {
        read += 1
        yield unit
      }
    }
    const sender = { ...server(() => undefined), stallMs: 5_000, signal: new AbortController().signal, onWaiting() {} }
    for await (const batch of transfer<number, string, Unit>(counted(), sender)) {
      if (batch[0]!.item.at > 100) break
      await sleep(5)
      expect(read).to.be.at.most(batch[0]!.item.at + 17)
    }
    const stoppedAt = read
    await sleep(20)
    expect(read).to.be.at.most(stoppedAt + 1)
  })

  it('fails as its source fails', async () => {
    const torn = async function* () {
      yield* units(3)
      throw failure('STORE_FORMAT')
    }
    const { settled, failed } = await run(
      torn(),
      server(() => undefined),
    )
    expect(failed?.reason).to.equal('STORE_FORMAT')
    expect(settled.length).to.be.at.most(3)
  })
})
