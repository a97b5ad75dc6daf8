// The items of a transfer that are read but not yet handed on: bounded in number and bytes, and in the order of their source.
import type { VaultError } from '../../core/errors.js'

/** What is sent; one that carries an error, or its answer already, is not sent, and keeps its place. */
export type Item<Request> = {
  /** About how much memory it or its answer takes. */
  bytes: number
  /** Items of one subject are never in flight together: the last one in the source is the last one stored. */
  subject?: string
  /** What it came to already. */
  answer?: unknown
} & ({ request: Request; error?: never } | { error: VaultError; request?: never })

export type Outcome<Response> = { answer: Response; error?: never } | { error: VaultError; answer?: never }

export interface Slot<Unit, Response> {
  readonly id: string
  readonly item: Unit
  sent: boolean
  /** Since when the server has been saying "later". */
  postponedAt?: number
  outcome?: Outcome<Response>
}

interface WindowLimits {
  maxItems: number
  maxBytes: number
}

// More than the 64 that a server works on at once, so that it never waits for us.
const defaultLimits: WindowLimits = { maxItems: 256, maxBytes: 16 * 1024 * 1024 }

export type SendWindow<Unit, Response> = ReturnType<typeof sendWindow<Unit & Item<unknown>, Response>>

export function sendWindow<Unit extends Item<unknown>, Response>({ maxItems, maxBytes } = defaultLimits) {
  const slots: Slot<Unit, Response>[] = []
  const changes = changeSignal()
  let added = 0
  let bytes = 0

  const inFlight = () => slots.filter(({ sent, outcome }) => sent && outcome === undefined)
  const waiting = () => slots.find(({ sent, outcome }) => !sent && outcome === undefined)
  return {
    ...changes,
    inFlight,
    waiting,
    isEmpty: () => slots.length === 0,
    hasRoom: () => slots.length < maxItems && bytes < maxBytes,
    find: (id: string) => slots.find((slot) => slot.id === id),
    isSettled: () => slots.every(({ outcome }) => outcome !== undefined),
    /** The next to send; undefined while there is none, or its subject is in flight. */
    nextToSend(): Slot<Unit, Response> | undefined {
      const next = waiting()
      const subject = next?.item.subject
      const busy = subject !== undefined && inFlight().some(({ item }) => item.subject === subject)
      return busy ? undefined : next
    },
    add(item: Unit): void {
      added += 1
      bytes += item.bytes
      slots.push({ id: `${added}`, item, sent: false, ...settledAlready<Response>(item) })
      changes.changed()
    },
    /** What is settled up to the first that is not; everything that is settled when order no longer matters. */
    takeSettled({ inOrder }: { inOrder: boolean }): Slot<Unit, Response>[] {
      const first = slots.findIndex(({ outcome }) => outcome === undefined)
      const head = first === -1 ? slots.length : first
      const taken = slots.filter(({ outcome }, at) => outcome !== undefined && (at < head || !inOrder))
      return taken
    },
    remove(taken: Slot<Unit, Response>[]): void {
      for (const slot of taken) {
        slots.splice(slots.indexOf(slot), 1)
        bytes -= slot.item.bytes
      }
      changes.changed()
    },
  }
}

function settledAlready<Response>({ error, answer }: Item<unknown>): { outcome?: Outcome<Response> } {
  if (error) return { outcome: { error } }
  return answer === undefined ? {} : { outcome: { answer: answer as Response } }
}

/** Wakes whoever waits for something to change. */
function changeSignal() {
  let waiting: (() => void)[] = []
  const changed = () => {
    const woken = waiting
    waiting = []
    for (const wake of woken) wake()
  }
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise<void>((resolve) => waiting.push(resolve))
  }
  return { changed, until }
}
