// A process of its own, as it says what all of its memory is: how much V8 moves out of young memory while short-lived
// objects pass through something that lives long. Prints the bytes for each pass.
import { getHeapSpaceStatistics } from 'node:v8'
import { batchQueue, type QueuedCall } from '../src/backend/client/batch-queue.js'
import type { Sender } from '../src/core/http2/sender.js'
import type { Stream } from '../src/core/http2/stream.js'
import { Streams } from '../src/core/http2/streams.js'
import { call as context } from './backend/samples.js'

type Pass = (at: number) => void

const times = 20_000
const nothing = () => undefined

function throughStreams(): Pass {
  const sender = { reset: nothing, removeWaiting: nothing, peer: { initialWindow: 65_535 } } as unknown as Sender
  const streams = new Streams({ sender, maxStreams: 100, onSuccess: nothing, onEmpty: nothing })
  const open: Stream[] = []
  return (at) => {
    open.push(streams.open(at * 2 + 1, undefined))
    if (open.length > 20) open.shift()?.reset(8)
  }
}

function throughQueue(): Pass {
  const queue = batchQueue({ maxBatchCalls: 4, maxBatchBytes: 100_000, maxQueuedCalls: 10, maxQueuedBytes: 300_000 })
  const waiting = (): QueuedCall => {
    const value = { recordIds: Array.from({ length: 16 }, () => Buffer.alloc(72)), version: 0n }
    return { call: { $case: 'retrieve', value }, context, resolve: nothing, reject: nothing }
  }
  return () => {
    queue.add(waiting())
    if (queue.take().length !== 1) throw new Error('it was not given out')
    const removed = waiting()
    queue.add(removed)
    if (!queue.remove(removed)) throw new Error('it was not there')
  }
}

const passes = { streams: throughStreams, queue: throughQueue }

function oldBytes(): number {
  const [old] = getHeapSpaceStatistics().filter(({ space_name }) => space_name === 'old_space')
  return old?.space_used_size ?? Number.NaN
}

function collectYoung(): void {
  for (let time = 0; time < 2; time += 1) gc?.({ type: 'minor' }) // what lives through both is moved
}

const pass = passes[process.argv[2] as keyof typeof passes]()
for (let at = 0; at < 100; at += 1) pass(at)
gc?.() // what is passed through is in old memory from here on
collectYoung()
const before = oldBytes()
for (let at = 100; at < 100 + times; at += 1) pass(at)
collectYoung()
process.stdout.write(`${(oldBytes() - before) / times}\n`)
