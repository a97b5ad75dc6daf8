// What a caller sees of a refused call, and what the refusal cost.
import { expect } from 'chai'
import { kinds, type Reason, VaultError } from '../../src/core/errors.js'
import { HmacKey } from '../../src/frontend/crypto/hmac.js'

/** The error of a call; it is an error of ours or the test fails. */
export async function refusal(promise: Promise<unknown>): Promise<VaultError> {
  const thrown = await promise.then(
    () => expect.fail('should have been refused'),
    (error: unknown) => error,
  )
  if (!(thrown instanceof VaultError)) throw thrown
  return thrown
}

export async function reasonOf(promise: Promise<unknown>): Promise<Reason> {
  return (await refusal(promise)).reason
}

/** All that leaves the process of an error, but for its request id. */
export function answerOf({ kind, reason, message, fields, retryAfterMs }: VaultError) {
  return { code: kinds[kind].grpc, reason, message, fields, retryAfterMs }
}

export async function answer(promise: Promise<unknown>) {
  return answerOf(await refusal(promise))
}

/** The one answer to every record that a caller's key does not open. */
export const mismatch = {
  code: 7,
  reason: 'RECORD_KEY_MISMATCH',
  message: 'the record key does not open this record',
  fields: [],
  retryAfterMs: undefined,
}

/** How many HMACs are computed until the promise settles: all of them go through this one method. */
export async function macsDuring(run: () => Promise<unknown>): Promise<number> {
  let count = 0
  await watchingMacs(
    () => (count += 1),
    () => run().catch(() => undefined),
  )
  return count
}

type Mac = (parts: readonly Buffer[], mac: Buffer) => void

/** Shows every HMAC that is computed during the run. */
export async function watchingMacs<T>(seen: Mac, run: () => Promise<T>): Promise<T> {
  const { mac, publicMac } = HmacKey.prototype
  const watched = <M extends string | Buffer>(method: (this: HmacKey, ...parts: Buffer[]) => M) =>
    function (this: HmacKey, ...parts: Buffer[]): M {
      const copies = parts.map((part) => Buffer.from(part))
      const made = method.call(this, ...parts)
      seen(copies, typeof made === 'string' ? Buffer.from(made, 'binary') : Buffer.from(made))
      return made
    }
  Object.assign(HmacKey.prototype, { mac: watched(mac), publicMac: watched(publicMac) })
  try {
    return await run()
  } finally {
    Object.assign(HmacKey.prototype, { mac, publicMac })
  }
}

/** How many keys are wiped during the run. */
export async function keysClosedDuring(run: () => Promise<unknown>): Promise<number> {
  const original = HmacKey.prototype.close
  let count = 0
  HmacKey.prototype.close = function () {
    count += 1
    original.call(this)
  }
  try {
    await run()
  } finally {
    HmacKey.prototype.close = original
  }
  return count
}

export async function until(condition: () => boolean, withinMs = 60_000): Promise<void> {
  const end = Date.now() + withinMs
  while (!condition()) {
    if (Date.now() > end) expect.fail('did not happen in time')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
