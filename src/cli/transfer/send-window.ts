// The send window of a transfer: items that were read and not yet handed on, in the order of their source, bounded in number
// and bytes.
import type { VaultError } from '../../core/errors.js'

/** An item to send. One that carries an error or an answer already keeps its place and is not sent. */
export type TransferItem<Request> = {
  /** About how much memory the item or its answer takes. */
  bytes: number
  /** Items of one subject are never in flight together, so that the last one in the source is stored last. */
  subject?: string
  /** The answer, for an item that needs no sending. */
  answer?: unknown
} & ({ request: Request; error?: never } | { error: VaultError; request?: never })

/** The answer or the error of an item. */
export type ItemResult<Response> = { answer: Response; error?: never } | { error: VaultError; answer?: never }

/** The place of an item in the window. */
export interface Slot<Item, Response> {
  readonly id: string
  readonly item: Item
  sent: boolean
  /** When the server first postponed the item, by `performance.now()`. */
  postponedAt?: number
  result?: ItemResult<Response>
}

interface WindowLimits {
  maxItems: number
  maxBytes: number
}

// A server works on 64 items at once; the window holds more, so that the server never waits for this side.
const defaultLimits: WindowLimits = { maxItems: 256, maxBytes: 16 * 1024 * 1024 }

/** The window of items of one type. */
export type SendWindow<Item, Response> = ReturnType<typeof sendWindow<Item & TransferItem<unknown>, Response>>

/** An empty window. */
export function sendWindow<Item extends TransferItem<unknown>, Response>({ maxItems, maxBytes } = defaultLimits) {
  const slots: Slot<Item, Response>[] = []
  const changes = changeSignal()
  let added = 0
  let bytes = 0

  const inFlight = () => slots.filter(({ sent, result }) => sent && result === undefined)
  const waiting = () => slots.find(({ sent, result }) => !sent && result === undefined)
  return {
    ...changes,
    inFlight,
    /** The first item to send; undefined if there is none. */
    waiting,
    hasRoom: () => slots.length < maxItems && bytes < maxBytes,
    find: (id: string) => slots.find((slot) => slot.id === id),
    isSettled: () => slots.every(({ result }) => result !== undefined),
    /** The next to send; undefined if there is none, or while its subject is in flight. */
    nextToSend(): Slot<Item, Response> | undefined {
      const next = waiting()
      const subject = next?.item.subject
      const isBusy = subject !== undefined && inFlight().some(({ item }) => item.subject === subject)
      return isBusy ? undefined : next
    },
    add(item: Item): void {
      added += 1
      bytes += item.bytes
      slots.push({ id: `${added}`, item, sent: false, ...knownResult<Response>(item) })
      changes.notify()
    },
    /** The settled slots before the first unsettled one; all settled slots if order does not matter. */
    settled({ inOrder }: { inOrder: boolean }): Slot<Item, Response>[] {
      const first = slots.findIndex(({ result }) => result === undefined)
      const head = first === -1 ? slots.length : first
      return slots.filter(({ result }, at) => result !== undefined && (at < head || !inOrder))
    },
    remove(removed: Slot<Item, Response>[]): void {
      for (const slot of removed) {
        slots.splice(slots.indexOf(slot), 1)
        bytes -= slot.item.bytes
      }
      changes.notify()
    },
  }
}

function knownResult<Response>({ error, answer }: TransferItem<unknown>): { result?: ItemResult<Response> } {
  if (error) return { result: { error } }
  return answer === undefined ? {} : { result: { answer: answer as Response } }
}

/** A condition variable. */
function changeSignal() {
  let wakers: (() => void)[] = []
  const nextChange = () => new Promise<void>((resolve) => wakers.push(resolve))
  return {
    /** Wakes all waiters. */
    notify() {
      const woken = wakers
      wakers = []
      for (const wake of woken) wake()
    },
    nextChange,
    /** Resolves when the condition holds; it is checked after each change. */
    async until(condition: () => boolean) {
      while (!condition()) await nextChange()
    },
  }
}
