// Works on the items of a stream at once, so many and no more: what is read but not yet answered is bounded in number and
// bytes, so that a slow reader holds the sender back. A bad item is an outcome; only what makes outcomes ambiguous, such as
// an item id twice, ends the stream.
import { invalidField } from '../../core/errors.js'

export interface Item {
  itemId: string
}

/** What an item came to, and about how many bytes it takes. */
export interface Answer<Response> {
  response: Response
  bytes: number
}

export interface PipelineLimits {
  maxItems: number
  maxBytes: number
}

export const defaultPipeline: PipelineLimits = { maxItems: 64, maxBytes: 16 * 1024 * 1024 }

const maxItemIdBytes = 128

/** Yields the answers as they come; `bytesOf` a request and `answer` must not throw. */
export async function* itemPipeline<Request extends Item, Response>(
  requests: AsyncIterable<Request>,
  work: { bytesOf(request: Request): number; answer(request: Request): Promise<Answer<Response>> },
  limits = defaultPipeline,
): AsyncGenerator<Response> {
  const open = openItems(limits)
  const answered: (Answer<Response> & { itemId: string })[] = []
  let reading = true
  let left = false
  let failure: { cause: unknown } | undefined

  async function read(): Promise<void> {
    for await (const request of requests) {
      const { itemId } = request
      // An answer may be larger than its request, and the largest so far is what to expect next.
      open.add(itemId, Math.max(work.bytesOf(request), open.largest()))
      void work.answer(request).then((answer) => {
        answered.push({ itemId, ...answer })
        open.resize(itemId, answer.bytes)
      })
      await open.room()
      if (left) return
    }
  }

  void read()
    .catch((cause: unknown) => {
      failure = { cause }
    })
    .finally(() => {
      reading = false
      open.changed()
    })
  try {
    while (reading || !open.isEmpty()) {
      for (let next = answered.shift(); next !== undefined; next = answered.shift()) {
        yield next.response
        open.remove(next.itemId)
      }
      if (!failure && (reading || !open.isEmpty())) await open.change()
      if (failure) throw failure.cause
    }
  } finally {
    left = true
  }
}

function openItems({ maxItems, maxBytes }: PipelineLimits) {
  const sizes = new Map<string, number>()
  let bytes = 0
  let largest = 0
  let waiting: (() => void)[] = []

  function changed(): void {
    const woken = waiting
    waiting = []
    for (const wake of woken) wake()
  }

  function set(itemId: string, size: number | undefined): void {
    bytes += (size ?? 0) - (sizes.get(itemId) ?? 0)
    if (size === undefined) sizes.delete(itemId)
    else sizes.set(itemId, size)
    changed()
  }

  const change = () => new Promise<void>((resolve) => waiting.push(resolve))
  return {
    isEmpty: () => sizes.size === 0,
    largest: () => largest,
    change,
    changed,
    add(itemId: string, size: number): void {
      const idBytes = Buffer.byteLength(itemId)
      if (idBytes < 1 || idBytes > maxItemIdBytes) throw invalidField('item_id', `must be 1 to ${maxItemIdBytes} bytes`)
      if (sizes.has(itemId)) throw invalidField('item_id', 'must be unique among the items in flight')
      set(itemId, size)
    },
    resize(itemId: string, size: number): void {
      largest = Math.max(largest, size)
      set(itemId, size)
    },
    remove: (itemId: string) => set(itemId, undefined),
    async room(): Promise<void> {
      while (sizes.size >= maxItems || bytes >= maxBytes) await change()
    },
  }
}
