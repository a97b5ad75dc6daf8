// Admission control: bounds the calls that a server answers at once, so that a flood costs one error a call and no memory.

import { type InFlight, inFlight } from '../concurrency/in-flight.js'
import { VaultError } from '../errors.js'

/** Counts work as `InFlight` does; `run` and `enter` throw OVERLOADED, and begin nothing, when the bound is reached. */
export type Admission = Omit<InFlight, 'count'>

/** How a refused caller may get a place. */
interface AdmissionOptions {
  /** A refused caller is asked to come back after this time. */
  retryAfterMs?: number
  /** Called when all places are taken; returns true once it has freed one. */
  makeRoom?: () => boolean
}

/** Admits `max` pieces of work at once. */
export function admission(
  max: number,
  { retryAfterMs = 100, makeRoom = () => false }: AdmissionOptions = {},
): Admission {
  const admitted = inFlight()
  const check = () => {
    while (admitted.count >= max && makeRoom());
    if (admitted.count >= max) throw new VaultError('OVERLOADED', { retryAfterMs })
  }
  return {
    enter() {
      check()
      return admitted.enter()
    },
    async run(work) {
      check()
      return admitted.run(work)
    },
    idle: admitted.idle,
  }
}
