// What becomes of an item that the server answered or put off, and of those on a stream that broke.
import { VaultError } from '../../core/errors.js'
import type { Item, Outcome, Slot } from './send-window.js'
import type { Transfer } from './transfer-run.js'
import { isTransient } from './transient.js'

/** Gives a slot its outcome, or postpones it and returns why. */
export function settle<Request, Response>(
  slot: Slot<Item<Request>, Response>,
  outcome: Outcome<Response>,
  run: Transfer<Request, Response>,
): VaultError | undefined {
  const { error } = outcome
  const { patienceMs } = run.sender
  const now = Date.now()
  if (error && isTransient(error)) {
    slot.postponedAt ??= now
    // Put off for that long while others went through: it is this item.
    const hopeless = now - slot.postponedAt >= patienceMs && run.movedAt > slot.postponedAt
    if (!hopeless) {
      slot.sent = false
      run.window.changed() // or nobody would end a stream on which nothing is left to send
      return error
    }
  }
  slot.outcome = outcome
  run.suspects.delete(slot)
  run.movedAt = now
  run.failures = 0
  run.window.changed()
  return undefined
}

/** What a broken stream means: throws what ends the transfer, returns what may pass. */
export function broken<Request, Response>(thrown: unknown, run: Transfer<Request, Response>): VaultError | undefined {
  const { window, sender, stopping, suspects } = run
  if (sender.signal.aborted || stopping.signal.aborted || !(thrown instanceof VaultError)) throw thrown
  const inFlight = window.inFlight()
  // Idle for so long that the server has ended it.
  if (thrown.reason === 'DEADLINE_EXCEEDED' && inFlight.length === 0) return undefined
  if (isTransient(thrown)) return thrown
  const [only] = inFlight
  if (thrown.kind !== 'invalid' || only === undefined) throw thrown
  // A message that one side finds too large breaks the stream for all: alone, the culprit is found.
  if (inFlight.length === 1) settle(only, { error: thrown }, run)
  else for (const slot of inFlight) suspects.add(slot)
  return undefined
}
