// Unary calls in the shape of a stream of items, so that `transfer` can repeat and order them as it does streams.
import type { CallOptions } from '../../core/client/client.js'
import { VaultError } from '../../core/errors.js'
import type { Outcome } from '../../frontend/client.js'
import type { Sender } from '../transfer/transfer-run.js'
import { isTransient } from '../transfer/transient.js'

type Happening<Request, Response> =
  | { what: 'request'; itemId: string; record: Request }
  | { what: 'outcome'; outcome: Outcome<Response> }
  | { what: 'end' }
  | { what: 'failure'; cause: unknown }

/** As many calls at once as `maxAtOnce`. It ends early when the server puts a call off, and fails when it does not offer it. */
export function unaryStream<Request, Response>(
  call: (request: Request, options: CallOptions) => Promise<Response>,
  maxAtOnce: number,
): Sender<Request, Response>['send'] {
  return async function* (requests, options) {
    const source = requests[Symbol.asyncIterator]()
    const { push, take } = happenings<Request, Response>(options.signal)
    const now = { running: 0, asking: false, over: false }
    const heed = (next: Happening<Request, Response>) => {
      if (next.what === 'end') now.over = true
      if (next.what === 'outcome') now.running -= 1
      if (next.what !== 'request') return
      now.asking = false
      now.running += 1
      void answer(next, (record) => call(record, options)).then(push)
    }
    while (now.running > 0 || !now.over) {
      if (!now.asking && !now.over && now.running < maxAtOnce) {
        now.asking = true
        void ask(source).then(push)
      }
      const next = await take()
      heed(next)
      if (next.what !== 'outcome') continue
      yield next.outcome
      // Nothing more is to be sent on this stream, and `transfer` does not say so.
      now.over ||= next.outcome.error !== undefined && isTransient(next.outcome.error)
    }
  }
}

function happenings<Request, Response>(signal: AbortSignal | undefined) {
  const waiting: Happening<Request, Response>[] = []
  let wake = () => {}
  const push = (happening: Happening<Request, Response>) => {
    waiting.push(happening)
    wake()
  }
  signal?.addEventListener('abort', () => push({ what: 'failure', cause: signal.reason }), { once: true })
  return {
    push,
    async take(): Promise<Happening<Request, Response>> {
      for (;;) {
        const first = waiting.shift()
        if (first?.what === 'failure') throw first.cause
        if (first !== undefined) return first
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
  }
}

async function ask<Request>(
  source: AsyncIterator<{ itemId: string; record: Request }>,
): Promise<Happening<Request, never>> {
  try {
    const { done, value } = await source.next()
    return done ? { what: 'end' } : { what: 'request', ...value }
  } catch (cause) {
    return { what: 'failure', cause }
  }
}

async function answer<Request, Response>(
  { itemId, record }: { itemId: string; record: Request },
  call: (record: Request) => Promise<Response>,
): Promise<Happening<Request, Response>> {
  try {
    return { what: 'outcome', outcome: { itemId, answer: await call(record) } }
  } catch (thrown) {
    // What is no error of a server, and what the server offers to nobody, no other item would fare better with.
    if (!(thrown instanceof VaultError) || thrown.kind === 'unsupported') return { what: 'failure', cause: thrown }
    return { what: 'outcome', outcome: { itemId, error: thrown } }
  }
}
