// Admission control: bounds the calls that a server answers at once, so that a flood costs one error a call and no memory.

import { type InFlight, inFlight } from '../concurrency/in-flight.js'
import { VaultError } from '../errors.js'

/** Counts work as `InFlight` does; `run` and `enter` throw OVERLOADED, and begin nothing, when the bound is reached. */
export type Admission = Omit<InFlight, 'count'>

/** Admits `max` pieces of work at once; a refused caller is asked to come back after `retryAfterMs`. */
export function admission(max: number, retryAfterMs = 100): Admission {
  const admitted = inFlight()
  const check = () => {
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
