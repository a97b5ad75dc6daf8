// A pipeline over the items of a stream: it works on many items at once and answers in any order. The items in flight are
// bounded in number and bytes, so that a slow reader holds the sender back. A bad item is an outcome; only an error that
// makes outcomes ambiguous, such as a repeated item id, ends the stream.
import { invalidField } from '../../core/errors.js'

/** A request of a stream, named by its caller. */
export interface Item {
  itemId: string
}

/** The response to an item, and its approximate size. */
export interface Answer<Response> {
  response: Response
  bytes: number
}

/** The bounds of the items in flight. */
export interface PipelineLimits {
  maxItems: number
  maxBytes: number
}

/** The bounds of one stream in production. */
export const defaultPipeline: PipelineLimits = { maxItems: 64, maxBytes: 16 * 1024 * 1024 }

const maxItemIdBytes = 128

/** Yields each answer when it is ready; `bytesOf` and `answer` must not throw. */
export async function* itemPipeline<Request extends Item, Response>(
  requests: AsyncIterable<Request>,
  work: { bytesOf(request: Request): number; answer(request: Request): Promise<Answer<Response>> },
  limits = defaultPipeline,
): AsyncGenerator<Response> {
  const inFlight = itemsInFlight(limits)
  const answered: (Answer<Response> & { itemId: string })[] = []
  let reading = true
  let closed = false
  let failure: { cause: unknown } | undefined

  async function read(): Promise<void> {
    for await (const request of requests) {
      const { itemId } = request
      // An answer may be larger than its request: each counts as the largest answer so far until its own size is known.
      inFlight.add(itemId, Math.max(work.bytesOf(request), inFlight.largest()))
      void work.answer(request).then((answer) => {
        answered.push({ itemId, ...answer })
        inFlight.resize(itemId, answer.bytes)
      })
      await inFlight.room()
      if (closed) return
    }
  }

  void read()
    .catch((cause: unknown) => {
      failure = { cause }
    })
    .finally(() => {
      reading = false
      inFlight.changed()
    })
  try {
    while (reading || !inFlight.isEmpty()) {
      for (let next = answered.shift(); next !== undefined; next = answered.shift()) {
        yield next.response
        inFlight.remove(next.itemId)
      }
      if (!failure && (reading || !inFlight.isEmpty())) await inFlight.change()
      if (failure) throw failure.cause
    }
  } finally {
    closed = true
  }
}

function itemsInFlight({ maxItems, maxBytes }: PipelineLimits) {
  const sizes = new Map<string, number>()
  let bytes = 0
  let largest = 0
  let waiting: (() => void)[] = []

  function changed(): void {
    const resolved = waiting
    waiting = []
    for (const resolve of resolved) resolve()
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
